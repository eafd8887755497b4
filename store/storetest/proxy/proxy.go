// Package proxy stands between a server and its PostgreSQL in tests, and breaks the
// connection in the ways in which networks do: it cuts, it swallows, it refuses.
package proxy

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Proxy forwards connections to a database until it is told otherwise.
type Proxy struct {
	// URL is the address of the database by way of the proxy.
	URL string

	listener net.Listener
	target   string

	mu      sync.Mutex
	open    map[net.Conn]struct{}
	refuses bool
	silent  bool
	resume  chan struct{} // closed when the silence ends
	cuts    map[string]int
	after   bool
}

// New starts a proxy in front of the database of a URL.
func New(t testing.TB, database string) *Proxy {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, target: u.Host, open: map[net.Conn]struct{}{}, resume: make(chan struct{})}
	u.Host = l.Addr().String()
	p.URL = u.String()
	go p.accept()
	t.Cleanup(func() {
		_ = l.Close()
		p.Speak()
		p.Cut()
	})
	return p
}

// CutBefore cuts the connection in place of sending what holds the text, n times.
func (p *Proxy) CutBefore(text string, n int) { p.cutAt(text, n, false) }

// CutAfter sends what holds the text, waits for the answer, and cuts the connection
// in place of handing it on, n times.
func (p *Proxy) CutAfter(text string, n int) { p.cutAt(text, n, true) }

func (p *Proxy) cutAt(text string, n int, after bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts, p.after = map[string]int{text: n}, after
}

// Cuts is how many of the cuts that were asked for are still to come.
func (p *Proxy) Cuts() (left int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.cuts {
		left += n
	}
	return left
}

// Cut cuts all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
}

// Refuse cuts all connections and takes no new ones, until Accept.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	p.refuses = true
	p.mu.Unlock()
	p.Cut()
}

// Accept takes new connections again.
func (p *Proxy) Accept() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = false
}

// Silence swallows everything in both directions, while the connections stay open,
// until Speak.
func (p *Proxy) Silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
}

// Speak ends the silence. What was swallowed is lost: its connections are cut.
func (p *Proxy) Speak() {
	p.mu.Lock()
	if p.silent {
		p.silent = false
		close(p.resume)
		p.resume = make(chan struct{})
	}
	p.mu.Unlock()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(client)
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	if !p.speaks() || p.refusing() {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	p.keep(client, server)
	defer p.forget(client, server)
	var mute sync.Once
	deaf := make(chan struct{}) // closed: what the server says is not handed on
	back := make(chan struct{})
	go func() {
		defer close(back)
		defer client.Close()
		copyOut(server, func(b []byte) bool {
			select {
			case <-deaf:
				return false
			default:
			}
			if !p.speaks() {
				return false
			}
			_, err := client.Write(b)
			return err == nil
		})
	}()
	copyOut(client, func(b []byte) bool {
		if !p.speaks() {
			return false
		}
		cut, after := p.cutNow(b)
		if cut && !after {
			return false
		}
		if cut {
			mute.Do(func() { close(deaf) })
		}
		_, err := server.Write(b)
		if cut {
			<-back // the answer has come
			return false
		}
		return err == nil
	})
	_ = server.Close()
	<-back
}

// copyOut hands on what comes from a connection.
func copyOut(from net.Conn, to func([]byte) bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !to(buf[:n]) || err != nil {
			return
		}
	}
}

// speaks waits for the end of a silence, and reports whether there was none.
func (p *Proxy) speaks() bool {
	p.mu.Lock()
	silent, resume := p.silent, p.resume
	p.mu.Unlock()
	if silent {
		<-resume
	}
	return !silent
}

func (p *Proxy) refusing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refuses
}

func (p *Proxy) cutNow(b []byte) (cut, after bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for text, left := range p.cuts {
		if left > 0 && bytes.Contains(b, []byte(text)) {
			p.cuts[text]--
			return true, p.after
		}
	}
	return false, false
}

func (p *Proxy) keep(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.open[c] = struct{}{}
	}
}

func (p *Proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.open, c)
	}
}
