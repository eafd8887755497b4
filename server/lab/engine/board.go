package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/lab/design"
)

// board is a connection to one board. It asks for what the driver needs and reads
// nothing else, because boards err in what nobody asked for: numbers written as
// text, members that cannot be read while the power is off.
type board struct {
	client   *http.Client
	root     string // https://host:port
	account  string
	password string
	token    string // of the session; without one every request logs in by itself
	session  string // where the session ends
	path     string // of the system
	interval time.Duration
	system   boardSystem
}

// boardSystem is what is read of a ComputerSystem (DSP0268). What is missing or of
// another type is empty.
type boardSystem struct {
	Power    string
	Mode     string   // of boot: UEFI or Legacy
	HasMode  bool     // the board shows its mode
	Targets  []string // what it can boot from once
	Settings string   // the resource that takes changes in its place
	Reset    string   // where resets are posted
	Resets   []string // the kinds of reset it knows
}

// object is a JSON object, of which members can be read that are there as
// expected, whatever the others are.
type object map[string]json.RawMessage

func (o object) object(name string) object {
	var child object
	_ = json.Unmarshal(o[name], &child)
	return child
}

func (o object) text(name string) string {
	var s string
	_ = json.Unmarshal(o[name], &s)
	return s
}

func (o object) texts(name string) []string {
	var list []string
	_ = json.Unmarshal(o[name], &list)
	return list
}

func (o object) objects(name string) []object {
	var list []object
	_ = json.Unmarshal(o[name], &list)
	return list
}

// link is the resource that a member names.
func (o object) link(name string) string { return o.object(name).text("@odata.id") }

// boardError is an answer that says no.
type boardError struct {
	Status int
	Text   string
	after  time.Duration // how long the board wants to be left alone; 0: it does not say
}

func (e *boardError) Error() string {
	if e.Text == "" {
		return strconv.Itoa(e.Status)
	}
	return fmt.Sprintf("%d: %s", e.Status, e.Text)
}

// statusOf is the status of an answer that says no, and 0 of every other error.
func statusOf(err error) int {
	var refused *boardError
	if errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

// busy tells whether an answer says that another time would do.
func busy(err error) bool {
	status := statusOf(err)
	return status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests
}

// hopeless tells whether asking again cannot give another answer: the board has
// understood and refused, or what answers is none.
func hopeless(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	if errors.As(err, &certificate) || errors.As(err, &record) || errors.Is(err, errElsewhere) || errors.Is(err, errNoSystem) {
		return true
	}
	switch status := statusOf(err); status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	case http.StatusNotImplemented:
		return true
	default:
		return status >= 400 && status < 500
	}
}

var (
	errElsewhere = errors.New("the board redirects to somewhere else")
	errNoSystem  = errors.New("it manages no system that is the node's")
)

// newBoard makes a connection that has not been used yet.
func (d *redfish) newBoard(address string, n *design.Node) *board {
	return &board{
		client: d.http(), root: "https://" + net.JoinHostPort(address, strconv.Itoa(d.config.Port)),
		account: n.OOB["account"], password: n.OOB["credential"], interval: d.config.Interval,
	}
}

// http is a client for boards. It follows no redirection by itself, and reads so
// much of an answer and no more.
func (d *redfish) http() *http.Client {
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: d.config.Insecure}, //nolint:gosec // a setting, off by default
		TLSHandshakeTimeout: 30 * time.Second,
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

const (
	// maxBoardAnswer is more than any board has to say in one answer.
	maxBoardAnswer = 4 << 20
	// maxBoardHops is how often a board may send us to another of its paths.
	maxBoardHops = 3
	// maxBoardMembers is more than any chassis has of anything.
	maxBoardMembers = 256
)

// answer is what a board says. Its body is empty when it is no JSON object.
type answer struct {
	header http.Header
	body   object
}

// send asks a board once. A redirection is followed with the same method and body,
// on the same board only, since another one would be shown the session. An answer
// that says no is a *boardError.
func (b *board) send(ctx context.Context, method, path string, body any, match string) (*answer, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	for range maxBoardHops {
		resp, err := b.exchange(ctx, method, path, text, match)
		if err != nil {
			return nil, err
		}
		to := resp.Header.Get("Location")
		switch resp.StatusCode {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			resp.Body.Close()
			if path, err = b.elsewhere(path, to); err != nil {
				return nil, err
			}
		default:
			return readAnswer(resp)
		}
	}
	return nil, fmt.Errorf("%w: it does not end", errElsewhere)
}

// elsewhere is the path that a redirection leads to.
func (b *board) elsewhere(path, to string) (string, error) {
	from, err := url.Parse(b.root + path)
	if err != nil {
		return "", err
	}
	target, err := from.Parse(to)
	if err != nil || to == "" || target.Host != from.Host || target.Scheme != from.Scheme {
		return "", errElsewhere
	}
	return target.RequestURI(), nil
}

func (b *board) exchange(ctx context.Context, method, path string, text []byte, match string) (*http.Response, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("the board names an invalid path: %.100q", path)
	}
	r, err := http.NewRequestWithContext(ctx, method, b.root+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("OData-Version", "4.0")
	if text != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if match != "" {
		r.Header.Set("If-Match", match)
	}
	switch {
	case b.token != "":
		r.Header.Set("X-Auth-Token", b.token)
	case method == http.MethodPost && strings.HasSuffix(strings.TrimSuffix(path, "/"), "/Sessions"): // the login itself
	default:
		r.SetBasicAuth(b.account, b.password)
	}
	return b.client.Do(r)
}

func readAnswer(resp *http.Response) (*answer, error) {
	defer resp.Body.Close()
	text, err := io.ReadAll(http.MaxBytesReader(nil, resp.Body, maxBoardAnswer))
	a := &answer{header: resp.Header}
	_ = json.Unmarshal(text, &a.body)
	if resp.StatusCode >= 300 {
		return nil, &boardError{resp.StatusCode, refusal(a.body), retryAfter(resp.Header)}
	}
	return a, err
}

// refusal is what an answer gives as its reason (DSP0266, error responses).
func refusal(body object) string {
	problem := body.object("error")
	reason := problem.text("message")
	for _, info := range problem.objects("@Message.ExtendedInfo") {
		if id, text := info.text("MessageId"), info.text("Message"); id+text != "" {
			reason = strings.TrimSpace(id + " " + text)
			break
		}
	}
	return fmt.Sprintf("%.300s", reason)
}

// retryAfter reads the header's seconds; dates are as good as nothing.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(strings.TrimSpace(h.Get("Retry-After")))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, 3600)) * time.Second
}

// insist sends until the board is not busy any more, the context ends or it has
// been asked often enough.
func (b *board) insist(ctx context.Context, method, path string, body any, match string) (*answer, error) {
	for try := 1; ; try++ {
		a, err := b.send(ctx, method, path, body, match)
		var refused *boardError
		if !busy(err) || !errors.As(err, &refused) || try == connectTries || !pause(ctx, max(refused.after, b.interval)) {
			return a, err
		}
	}
}

// open logs in, finds the node's system and reads it.
func (b *board) open(ctx context.Context, mac string) error {
	root, err := b.send(ctx, http.MethodGet, "/redfish/v1/", nil, "")
	if err != nil {
		if status := statusOf(err); status != http.StatusUnauthorized && status != http.StatusForbidden {
			return err
		}
		root = &answer{} // one that shows nothing to strangers has the usual paths
	}
	refused := b.login(ctx, orElse(root.body.object("Links").link("Sessions"), "/redfish/v1/SessionService/Sessions"))
	err = b.find(ctx, orElse(root.body.link("Systems"), "/redfish/v1/Systems"), mac)
	if statusOf(err) == http.StatusUnauthorized && refused != nil && statusOf(refused) != http.StatusUnauthorized && statusOf(refused) != http.StatusForbidden && !hopeless(refused) {
		return refused // it has not looked at the password
	}
	if err == nil {
		err = b.read(ctx)
	}
	return err
}

// login opens a session. Boards without sessions, without room for another one or
// with the service turned off are spoken to without: then each request carries
// the account. It returns why there is no session.
func (b *board) login(ctx context.Context, sessions string) error {
	a, err := b.send(ctx, http.MethodPost, sessions, map[string]string{"UserName": b.account, "Password": b.password}, "")
	if err != nil {
		return err
	}
	b.token = a.header.Get("X-Auth-Token")
	b.session = a.body.text("@odata.id")
	if at, err := url.Parse(a.header.Get("Location")); err == nil && at.Path != "" {
		b.session = at.Path
	}
	return nil
}

// close ends the session; boards have few.
func (b *board) close(ctx context.Context) {
	defer b.client.CloseIdleConnections()
	if b.token == "" || b.session == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, _ = b.send(ctx, http.MethodDelete, b.session, nil, "") // it ends by itself as well
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// members are the resources of a collection. It may come in pages, none of which is
// read twice.
func (b *board) members(ctx context.Context, collection string) ([]string, error) {
	var paths, pages []string
	for collection != "" && len(paths) < maxBoardMembers && len(pages) < maxBoardMembers && !slices.Contains(pages, collection) {
		pages = append(pages, collection)
		a, err := b.send(ctx, http.MethodGet, collection, nil, "")
		if err != nil {
			return paths, err
		}
		for _, m := range a.body.objects("Members") {
			if path := m.text("@odata.id"); path != "" && !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
		collection = a.body.text("Members@odata.nextLink")
	}
	return paths, nil
}

// find looks for the node's system. A board of a chassis manages several, and
// switching another one's power would be worse than none. A system that cannot be
// read is passed over: the baseboards of some machines answer 503 while the
// machine is off.
func (b *board) find(ctx context.Context, systems, mac string) error {
	paths, err := b.members(ctx, systems)
	if err != nil {
		return err
	}
	if len(paths) == 1 {
		b.path = paths[0]
		return nil
	}
	want, good := design.CleanMAC(mac)
	var unread error
	for _, path := range paths {
		found, err := b.hasMAC(ctx, path, want)
		if good && found {
			b.path = path
			return nil
		}
		if err != nil {
			unread = err
		}
	}
	if unread != nil && !hopeless(unread) {
		return fmt.Errorf("of its %d systems none that can be read has the node's boot_mac: %w", len(paths), unread)
	}
	return fmt.Errorf("%w: none of the %d has the node's boot_mac", errNoSystem, len(paths))
}

// hasMAC tells whether a system has an interface of that address, as far as it can
// be read.
func (b *board) hasMAC(ctx context.Context, system, want string) (bool, error) {
	a, err := b.send(ctx, http.MethodGet, system, nil, "")
	if err != nil {
		return false, err
	}
	interfaces := a.body.link("EthernetInterfaces")
	if interfaces == "" {
		return false, nil
	}
	paths, unread := b.members(ctx, interfaces)
	for _, path := range paths {
		a, err := b.send(ctx, http.MethodGet, path, nil, "")
		if err != nil {
			unread = err
			continue
		}
		for _, text := range []string{a.body.text("MACAddress"), a.body.text("PermanentMACAddress")} {
			if found, clean := design.CleanMAC(text); clean && found == want {
				return true, nil
			}
		}
	}
	return false, unread
}

// read gets the state of the system anew.
func (b *board) read(ctx context.Context) error {
	a, err := b.send(ctx, http.MethodGet, b.path, nil, "")
	if err != nil {
		return err
	}
	if a.body == nil {
		return errors.New("the board describes its system by something that is no JSON object")
	}
	boot, reset := a.body.object("Boot"), a.body.object("Actions").object("#ComputerSystem.Reset")
	b.system = boardSystem{
		Power: a.body.text("PowerState"), Mode: boot.text("BootSourceOverrideMode"),
		Targets:  boot.texts("BootSourceOverrideTarget@Redfish.AllowableValues"),
		Settings: a.body.object("@Redfish.Settings").link("SettingsObject"),
		Reset:    reset.text("target"), Resets: reset.texts("ResetType@Redfish.AllowableValues"),
	}
	_, b.system.HasMode = boot["BootSourceOverrideMode"]
	return nil
}

// offers tells whether the board knows a reset. One that does not say knows all.
func (b *board) offers(kind string) bool {
	return len(b.system.Resets) == 0 || slices.Contains(b.system.Resets, kind)
}

// restart is the hardest restart that the board knows.
func (b *board) restart() string {
	for _, kind := range []string{"ForceRestart", "PowerCycle", "GracefulRestart"} {
		if b.offers(kind) {
			return kind
		}
	}
	return "ForceOff" // which power then finds missing
}

// change patches a resource. A board that wants to know which state is changed
// gets the resource's tag, and any ("*") when it has none or does not take it.
func (b *board) change(ctx context.Context, path string, body any) error {
	_, err := b.insist(ctx, http.MethodPatch, path, body, "")
	if !wantsMatch(err) {
		return err
	}
	if tag := b.tag(ctx, path); tag != "" {
		if _, err = b.insist(ctx, http.MethodPatch, path, body, tag); !wantsMatch(err) {
			return err
		}
	}
	_, err = b.insist(ctx, http.MethodPatch, path, body, "*")
	return err
}

func wantsMatch(err error) bool {
	status := statusOf(err)
	return status == http.StatusPreconditionFailed || status == http.StatusPreconditionRequired
}

func (b *board) tag(ctx context.Context, path string) string {
	a, err := b.send(ctx, http.MethodGet, path, nil, "")
	if err != nil {
		return ""
	}
	return orElse(a.header.Get("ETag"), a.body.text("@odata.etag"))
}
