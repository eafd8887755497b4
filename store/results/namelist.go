package results

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"unsafe"
)

// NameList puts the tests of a result in the order of their names while they come
// in, so that a whole result need not be sorted when somebody compares it. Add and
// Update are fed with what InsertTests and UpdateTests get, and InsertNameList
// writes what came. Close it in any case. It is not safe for concurrent use.
//
// Names are sorted some at a time beside the caller; beyond maxNameBytes of them
// they go to a temporary file, so that memory does not grow with the result, except
// for the byte that each test's status takes.
type NameList struct {
	chunk  []listedName
	runs   [][]listedName // sorted, once sorting is over
	bytes  int            // of the names in chunk and runs
	status []TestStatus   // by N

	sorting sync.WaitGroup
	spilled *os.File
	ends    []int64 // where each sorted run ends in the file
	err     error   // of the file
}

type listedName struct {
	name string
	n    int64
}

const (
	// chunkNames is how many names are sorted at once.
	chunkNames = 8192

	// maxNameBytes is how much memory names may take before they go to a file.
	maxNameBytes = 4 << 20

	// listedNameBytes is what a name costs beside its bytes.
	listedNameBytes = int(unsafe.Sizeof(listedName{}))
)

// NewNameList returns an empty list.
func NewNameList() *NameList { return &NameList{} }

// Add takes tests that are new in the result.
func (l *NameList) Add(tests []Test) {
	for i := range tests {
		l.add(tests[i].Name, tests[i].N, tests[i].Status)
	}
}

func (l *NameList) add(name string, n int64, status TestStatus) {
	if l.chunk == nil {
		l.chunk = make([]listedName, 0, chunkNames)
	}
	l.chunk = append(l.chunk, listedName{name, n})
	l.bytes += len(name) + listedNameBytes
	l.setStatus(n, status)
	if len(l.chunk) == chunkNames {
		l.sortChunk()
	}
	if l.bytes > maxNameBytes {
		l.spill()
	}
}

// Update notes what became of tests that came before.
func (l *NameList) Update(tests []Test) {
	for i := range tests {
		l.setStatus(tests[i].N, tests[i].Status)
	}
}

func (l *NameList) setStatus(n int64, status TestStatus) {
	for int64(len(l.status)) <= n {
		l.status = append(l.status, TestUnknown)
	}
	l.status[n] = status
}

func (l *NameList) sortChunk() {
	if len(l.chunk) == 0 {
		return
	}
	run := l.chunk
	l.chunk, l.runs = nil, append(l.runs, run)
	l.sorting.Go(func() { slices.SortFunc(run, compareListed) })
}

func compareListed(a, b listedName) int {
	return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.n, b.n))
}

// spill moves what is in memory to the file, as one sorted run.
func (l *NameList) spill() {
	if l.err != nil {
		l.forget()
		return
	}
	if l.spilled == nil {
		if l.spilled, l.err = os.CreateTemp("", "slipway-names-*"); l.err != nil {
			l.forget()
			return
		}
		_ = os.Remove(l.spilled.Name()) // its bytes go with its last user
	}
	out := bufio.NewWriterSize(l.spilled, 256<<10)
	size := int64(0)
	if len(l.ends) > 0 {
		size = l.ends[len(l.ends)-1]
	}
	var head []byte
	l.err = l.merge(l.memoryRuns(), func(e listedName) error {
		head = binary.AppendUvarint(head[:0], uint64(e.n))
		head = binary.AppendUvarint(head, uint64(len(e.name)))
		size += int64(len(head) + len(e.name))
		_, err := out.Write(head)
		_, err2 := out.WriteString(e.name)
		return errors.Join(err, err2)
	})
	l.err = errors.Join(l.err, out.Flush())
	l.ends = append(l.ends, size)
	l.forget()
}

func (l *NameList) forget() { l.chunk, l.runs, l.bytes = nil, nil, 0 }

// each calls visit with all tests in the order of their names.
func (l *NameList) each(visit func(e listedName, status TestStatus) error) error {
	runs := l.memoryRuns()
	start := int64(0)
	for _, end := range l.ends {
		runs = append(runs, &fileRun{in: bufio.NewReaderSize(io.NewSectionReader(l.spilled, start, end-start), 64<<10)})
		start = end
	}
	if l.err != nil {
		return fmt.Errorf("names of tests: %w", l.err)
	}
	return l.merge(runs, func(e listedName) error { return visit(e, l.status[e.n]) })
}

func (l *NameList) memoryRuns() []nameRun {
	l.sortChunk()
	l.sorting.Wait()
	runs := make([]nameRun, len(l.runs))
	for i := range l.runs {
		runs[i] = &memoryRun{rest: l.runs[i]}
	}
	return runs
}

// Close removes the temporary file.
func (l *NameList) Close() {
	l.sorting.Wait()
	if l.spilled != nil {
		_ = l.spilled.Close() // it has no name any more
	}
}

// nameRun hands out the names of one sorted run.
type nameRun interface {
	next() (e listedName, ok bool, err error)
}

type memoryRun struct{ rest []listedName }

func (r *memoryRun) next() (e listedName, ok bool, err error) {
	if len(r.rest) == 0 {
		return e, false, nil
	}
	e, r.rest = r.rest[0], r.rest[1:]
	return e, true, nil
}

type fileRun struct{ in *bufio.Reader }

func (r *fileRun) next() (e listedName, ok bool, err error) {
	n, err := binary.ReadUvarint(r.in)
	if errors.Is(err, io.EOF) {
		return e, false, nil
	}
	size, err2 := binary.ReadUvarint(r.in)
	if err := errors.Join(err, err2); err != nil {
		return e, false, err
	}
	if size <= uint64(r.in.Size()) { // so that it is copied once
		name, err := r.in.Peek(int(size))
		e = listedName{string(name), int64(n)}
		_, err2 := r.in.Discard(len(name))
		return e, true, errors.Join(err, err2)
	}
	name := make([]byte, size)
	_, err = io.ReadFull(r.in, name)
	return listedName{string(name), int64(n)}, true, err
}

// merge calls visit with what the runs hold, in order. heads is a heap.
func (l *NameList) merge(runs []nameRun, visit func(listedName) error) error {
	var heads []head
	for _, r := range runs {
		e, ok, err := r.next()
		if err != nil {
			return err
		}
		if ok {
			heads = append(heads, head{e, r})
		}
	}
	slices.SortFunc(heads, func(a, b head) int { return compareListed(a.listedName, b.listedName) })
	for len(heads) > 0 {
		if err := visit(heads[0].listedName); err != nil {
			return err
		}
		e, ok, err := heads[0].run.next()
		if err != nil {
			return err
		}
		if ok {
			heads[0].listedName = e
		} else {
			heads[0] = heads[len(heads)-1]
			heads = heads[:len(heads)-1]
		}
		sink(heads)
	}
	return nil
}

type head struct {
	listedName
	run nameRun
}

// sink puts the first head of a heap to its place.
func sink(heads []head) {
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(heads) && compareListed(heads[child].listedName, heads[least].listedName) < 0 {
				least = child
			}
		}
		if least == i {
			return
		}
		heads[i], heads[least] = heads[least], heads[i]
		i = least
	}
}
