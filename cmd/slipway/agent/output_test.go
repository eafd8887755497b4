package agent

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestSpool_fullDisk keeps in memory what the disk does not take, gives it out in its
// order, and counts what fits nowhere.
func TestSpool_fullDisk(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "output.log")
	if err := os.Symlink("/dev/full", name); err != nil {
		t.Fatal(err)
	}
	s, err := openSpool(name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.f.Close()
	s.write([]byte("one "))
	s.write([]byte("two"))
	if lost, full := s.trouble(); full == nil || lost != 0 {
		t.Errorf("full: %v, lost: %d", full, lost)
	}
	if got, err := s.at(0); string(got) != "one two" || err != nil {
		t.Errorf("from 0 it holds %q", got)
	}
	s.sent(4)
	if got, err := s.at(4); string(got) != "two" || err != nil {
		t.Errorf("from 4 it holds %q", got)
	}
	s.write(bytes.Repeat([]byte("x"), inMemory))
	s.write([]byte("behind the gap"))
	if lost, _ := s.trouble(); lost != 3+14 {
		t.Errorf("%d bytes are lost, want 17", lost)
	}
	var all []byte
	for offset := int64(4); ; {
		b, err := s.at(offset)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 {
			break
		}
		all, offset = append(all, b...), offset+int64(len(b))
		s.sent(offset)
	}
	if want := "two" + string(bytes.Repeat([]byte("x"), inMemory-3)); string(all) != want {
		t.Errorf("%d bytes are given out, want %d", len(all), len(want))
	}
}

// TestSpool_halfWritten goes on in memory where the disk stopped.
func TestSpool_halfWritten(t *testing.T) {
	t.Parallel()
	s, err := openSpool(filepath.Join(t.TempDir(), "output.log"))
	if err != nil {
		t.Fatal(err)
	}
	s.write([]byte("disk "))
	s.f.Close() // which refuses every write from now on
	s.write([]byte("memory"))
	if s.f, err = os.Open(s.f.Name()); err != nil {
		t.Fatal(err)
	}
	defer s.f.Close()
	a, err1 := s.at(0)
	b, err2 := s.at(5)
	if string(a) != "disk " || string(b) != "memory" || err1 != nil || err2 != nil {
		t.Errorf("it holds %q and %q", a, b)
	}
}

// TestSpool_unreadable says that output which was on disk cannot be read any more, such
// as when the command has cut the file: it must not be taken for the end.
func TestSpool_unreadable(t *testing.T) {
	t.Parallel()
	s, err := openSpool(filepath.Join(t.TempDir(), "output.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.f.Close()
	s.write([]byte("one two"))
	if err := s.f.Truncate(4); err != nil {
		t.Fatal(err)
	}
	if got, err := s.at(0); string(got) != "one " || err != nil {
		t.Errorf("from 0 it reads %q, %v; want what is there", got, err)
	}
	if got, err := s.at(4); len(got) != 0 || err == nil {
		t.Errorf("from 4 it reads %q, %v; want an error", got, err)
	}
	if got, err := s.at(7); len(got) != 0 || err != nil {
		t.Errorf("from its end it reads %q, %v; want nothing and no error", got, err)
	}
}
