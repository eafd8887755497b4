package store

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// wirePair returns a wire with a limit and the other end of its connection, which
// answers nothing by itself.
func wirePair(t *testing.T, limit time.Duration) (*wire, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	database, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = database.Close()
	})
	return &wire{Conn: conn, limit: limit, silent: &atomic.Bool{}}, database
}

// exchange writes to the wire and lets the database answer in pieces.
func exchange(t *testing.T, w *wire, database net.Conn, pieces ...string) {
	t.Helper()
	if _, err := w.Write([]byte("Q")); err != nil {
		t.Fatal(err)
	}
	for _, piece := range pieces {
		if _, err := database.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
		for got := 0; got < len(piece); {
			n, err := w.Read(make([]byte, 64))
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
	}
}

// A read that stays while nobody asks anything ends nothing, however long it takes;
// another wire, which was asked, is the clock.
func TestWire_idle(t *testing.T) {
	t.Parallel()
	const limit = 30 * time.Millisecond
	for name, pieces := range map[string][]string{
		"an answer":               {"C\x00\x00\x00\x05xZ\x00\x00\x00\x05I"},
		"an answer in two pieces": {"C\x00\x00\x00\x05xZ\x00\x00", "\x00\x05T"},
		"below TLS":               {"\x17\x03\x03\x00\x01x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			idle, database := wirePair(t, limit)
			exchange(t, idle, database, pieces...)
			read := make(chan error, 1)
			go func() {
				_, err := idle.Read(make([]byte, 1))
				read <- err
			}()
			asked, _ := wirePair(t, 4*limit)
			if _, err := asked.Write([]byte("Q")); err != nil {
				t.Fatal(err)
			}
			if _, err := asked.Read(make([]byte, 1)); !errors.Is(err, errSilent) {
				t.Fatalf("a question without an answer: %v", err)
			}
			if _, err := database.Write([]byte("N")); err != nil {
				t.Fatal(err)
			}
			if err := <-read; err != nil || idle.silent.Load() {
				t.Errorf("the idle connection ended with %v, the pool counts as silent: %v", err, idle.silent.Load())
			}
		})
	}
}

// A question bounds a read that was there before it, and an answer that stops in its
// middle is none.
func TestWire_silent(t *testing.T) {
	t.Parallel()
	waiting, database := wirePair(t, 30*time.Millisecond)
	exchange(t, waiting, database, "Z\x00\x00\x00\x05I")
	read := make(chan error, 1)
	go func() {
		_, err := waiting.Read(make([]byte, 1))
		read <- err
	}()
	if _, err := waiting.Write([]byte("Q")); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, errSilent) {
		t.Errorf("a read from before the question: %v, want %v", err, errSilent)
	}
	if err := waiting.Close(); err != nil {
		t.Errorf("a connection that its limit has ended is closed with %v", err)
	}

	half, database := wirePair(t, 30*time.Millisecond)
	exchange(t, half, database, "D\x00\x00\x00\x09Z\x00\x00\x00\x05")
	if _, err := half.Read(make([]byte, 1)); !errors.Is(err, errSilent) {
		t.Errorf("half an answer: %v, want %v", err, errSilent)
	}
}
