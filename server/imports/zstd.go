package imports

import (
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstdWindow is what zstd --long asks for at most, and what one reader may keep.
const zstdWindow = 128 << 20

// Zstd unpacks a dump that is compressed with zstd. One that asks for a window of more
// than 128 MiB is refused when it is read.
func Zstd(in io.Reader) (io.ReadCloser, error) {
	out, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow))
	if err != nil {
		return nil, err
	}
	return out.IOReadCloser(), nil
}
