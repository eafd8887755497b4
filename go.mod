module github.com/slipway-lab/slipway

go 1.26.0

require (
	github.com/alecthomas/kong v1.17.0 // command line, variables and configuration file in one declaration
	github.com/chromedp/cdproto v0.159.0 // tests only: what chromedp speaks
	github.com/chromedp/chromedp v0.22.1 // tests only: the explorer in a real browser
	github.com/getkin/kin-openapi v0.152.0 // reads the document; checks parameters, and in tests every answer
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3 // JSON as it was checked: case-sensitive, no name twice; the tokens behind bodycheck
	github.com/golang-jwt/jwt/v5 v5.3.1 // RefStack's logins by a signed web token
	github.com/google/uuid v1.6.0 // ids that sort by time (UUIDv7)
	github.com/gophercloud/gophercloud/v2 v2.15.0 // Keystone: the server's own login; tests are its clients
	github.com/jackc/pgx/v5 v5.12.0 // PostgreSQL error codes, LISTEN; tests connect through it
	github.com/klauspost/compress v1.20.3 // gzip answers of any size (gzhttp), zstd requests
	github.com/labstack/echo/v4 v4.16.0 // router of the generated server
	github.com/mattn/go-sqlite3 v1.14.52 // SQLite itself; newer than what the GORM driver asks for
	github.com/minio/minio-go/v7 v7.4.1 // blobs in an S3-compatible object store
	github.com/nikolalohinski/gonja/v2 v2.9.1 // Jinja2 for boot actions
	github.com/oapi-codegen/nullable v1.1.0 // generated types tell absent from null
	github.com/oapi-codegen/runtime v1.8.0 // binding of generated code
	github.com/oklog/ulid/v2 v2.1.2 // token ids
	github.com/pressly/goose/v3 v3.27.2 // migrations as SQL files, with a lock between replicas
	github.com/prometheus/client_golang v1.25.0 // metrics
	github.com/prometheus/common v0.72.0 // the text format of metrics
	github.com/ulikunitz/xz v0.5.17 // the decoder of LZMA2, for uploads packed with xz; it depends on nothing
	github.com/yuin/goldmark v1.8.6 // the guides, written in Markdown; it depends on nothing
	go.yaml.in/yaml/v3 v3.0.5 // configuration file, permissions, policy
	golang.org/x/crypto v0.58.0 // OpenSSH's public keys, for RefStack's signatures
	golang.org/x/net v0.61.0 // the web's names of character encodings, for reports that are not UTF-8
	golang.org/x/sync v0.24.0 // one question to Keystone however many wait for it
	golang.org/x/sys v0.49.0 // file locks
	golang.org/x/text v0.43.0 // the decoders of those encodings
	golang.org/x/time v0.16.0 // token buckets
	gorm.io/driver/postgres v1.6.3 // the store
	gorm.io/driver/sqlite v1.6.0 // the store
	gorm.io/gorm v1.31.2 // the store
	pgregory.net/rapid v1.3.0 // tests only: drawn cases
)

require (
	github.com/apapsch/go-jsonmerge/v2 v2.0.0 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dustin/go-humanize v1.1.0 // indirect
	github.com/go-openapi/jsonpointer v0.22.5 // indirect
	github.com/go-openapi/swag/jsonname v0.25.5 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/jinzhu/inflection v1.0.0 // indirect
	github.com/jinzhu/now v1.1.5 // indirect
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/klauspost/cpuid/v2 v2.4.0 // indirect
	github.com/klauspost/crc32 v1.3.0 // indirect
	github.com/labstack/gommon v0.5.0 // indirect
	github.com/mattn/go-colorable v0.1.15 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/mfridman/interpolate v0.0.2 // indirect
	github.com/minio/crc64nvme v1.1.1 // indirect
	github.com/minio/md5-simd v1.1.2 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.2 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/oasdiff/yaml v0.1.1 // indirect
	github.com/oasdiff/yaml3 v0.0.14 // indirect
	github.com/philhofer/fwd v1.2.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/rs/xid v1.6.0 // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // indirect
	github.com/sethvargo/go-retry v0.5.0 // indirect
	github.com/sirupsen/logrus v1.10.2 // indirect
	github.com/tinylib/msgp v1.6.4 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasttemplate v1.2.2 // indirect
	github.com/zeebo/xxh3 v1.1.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	golang.org/x/exp v0.0.0-20260410095643-746e56fc9e2f // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	gopkg.in/ini.v1 v1.67.3 // indirect
)
