// Package xzstream unpacks xz files (https://tukaani.org/xz/xz-file-format.txt) for
// uploads. The decoder of their data is a library's; the container around it is read
// here, because that library takes a file that was cut between two blocks for a whole
// one, keeps a list of all blocks, and allocates whatever a header claims.
package xzstream

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// Magic is how an xz file begins.
var Magic = []byte("\xfd7zXZ\x00")

var (
	errCut    = errors.New("it is cut")
	errBehind = errors.New("bytes behind the end of the stream are not read")
	errCheck  = errors.New("its content is not what its check says")
	errHeader = errors.New("a header in it is broken")
	errIndex  = errors.New("its list of blocks is broken")
	errChunk  = errors.New("its data is broken")
)

// bufferBytes holds a chunk of the data and the header of the next one.
const bufferBytes = 128 << 10

// Reader unpacks all streams of a file, with the padding between them. What it returns
// ends with io.EOF only when the file is whole and every check is right. Errors of the
// file pass unchanged. It holds nothing that must be closed.
type Reader struct {
	in   *source
	most int64 // bytes of a dictionary
	err  error

	begun  bool // whether a stream was seen
	stream *stream
	block  *block
}

// NewReader returns a reader that needs at most about maxDict bytes of memory; a file
// that needs more is an error when it is read.
func NewReader(file io.Reader, maxDict int64) *Reader {
	return &Reader{in: &source{buf: bufio.NewReaderSize(file, bufferBytes)}, most: maxDict}
}

func (r *Reader) Read(p []byte) (n int, err error) {
	for n == 0 && r.err == nil && len(p) > 0 {
		n, r.err = r.read(p)
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// read reads some of a block, or goes to the next one.
func (r *Reader) read(p []byte) (int, error) {
	switch {
	case r.stream == nil:
		return 0, r.beginStream()
	case r.block == nil:
		return 0, r.beginBlock()
	}
	n, err := r.block.data.Read(p)
	r.block.out += int64(n)
	if check := r.stream.check; check != nil {
		_, _ = check.Write(p[:n])
	}
	if errors.Is(err, io.EOF) {
		err = r.endBlock()
	}
	return n, err
}

// stream is what is known of the stream that is read.
type stream struct {
	flags     []byte
	check     hash.Hash // nil for none
	checkSize int

	blocks  uint64
	records hash.Hash // of all blocks, as the list at the end has them
}

const headerBytes, padBytes = 12, 4

func (r *Reader) beginStream() error {
	for r.begun { // padding
		pad, err := r.in.buf.Peek(padBytes)
		if len(pad) == 0 {
			return err
		}
		if !bytes.Equal(pad, make([]byte, padBytes)) {
			if !bytes.HasPrefix(Magic, pad) {
				return errBehind
			}
			break
		}
		if _, err := r.in.take(padBytes); err != nil {
			return err
		}
	}
	head, err := r.in.take(headerBytes)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(head, Magic) {
		return errBehind
	}
	s := &stream{flags: bytes.Clone(head[6:8]), records: sha256.New()}
	if crc32.ChecksumIEEE(s.flags) != binary.LittleEndian.Uint32(head[8:]) || s.flags[0] != 0 {
		return errHeader
	}
	switch s.flags[1] {
	case 0:
	case 1:
		s.check = littleEndian{crc32.NewIEEE()}
	case 4:
		s.check = littleEndian{crc64.New(crc64.MakeTable(crc64.ECMA))}
	case 10:
		s.check = sha256.New()
	default:
		return fmt.Errorf("it has a check of the kind %d, which is not known", s.flags[1])
	}
	if s.check != nil {
		s.checkSize = s.check.Size()
	}
	r.begun, r.stream = true, s
	return nil
}

// littleEndian turns a sum round, as xz writes it.
type littleEndian struct{ hash.Hash }

func (l littleEndian) Sum(b []byte) []byte {
	begin := len(b)
	b = l.Hash.Sum(b)
	for i, j := begin, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return b
}

// block is what is known of the block that is read.
type block struct {
	headerSize           int64
	compressed, unpacked int64 // as its header says; negative when it does not
	chunks               *chunks
	data                 *lzma.Reader2
	begin                int64 // of the data, in the file
	out                  int64 // bytes
}

const (
	filterLZMA2     = 0x21
	dictionaryCodes = 40

	blockFilters      = 0x03
	blockReserved     = 0x3c
	blockHasPacked    = 0x40
	blockHasUnpacked  = 0x80
	smallestBlockHead = 8
)

// beginBlock reads the header of a block; where the list of them begins instead, the
// rest of the stream.
func (r *Reader) beginBlock() error {
	first, err := r.in.take(1)
	if err != nil {
		return err
	}
	if first[0] == 0 {
		return r.endStream()
	}
	size := (int(first[0]) + 1) * 4
	head := make([]byte, size)
	head[0] = first[0]
	rest, err := r.in.take(size - 1)
	if err != nil {
		return err
	}
	copy(head[1:], rest)
	text := head[:size-4]
	if crc32.ChecksumIEEE(text) != binary.LittleEndian.Uint32(head[size-4:]) || size < smallestBlockHead {
		return errHeader
	}
	b := &block{headerSize: int64(size), compressed: -1, unpacked: -1}
	need, err := b.header(text)
	if err != nil {
		return err
	}
	b.begin = r.in.n
	need = min(need, announced(r.in.buf, need))
	if b.unpacked >= 0 {
		need = min(need, b.unpacked)
	}
	if need > r.most {
		return fmt.Errorf("it needs a dictionary of %d bytes, and at most %d are given; pack it with xz -9 or less", need, r.most)
	}
	b.chunks = &chunks{in: r.in}
	if r.stream.check != nil {
		r.stream.check.Reset()
	}
	b.data, err = lzma.Reader2Config{DictCap: int(max(need, lzma.MinDictCap))}.NewReader2(b.chunks)
	r.block = b
	return err
}

// header reads what stands between the size of a header and its sum. It returns the
// size of the dictionary that the block may need.
func (b *block) header(text []byte) (dictionary int64, err error) {
	flags, in := text[1], bytes.NewReader(text[2:])
	if flags&blockReserved != 0 {
		return 0, errHeader
	}
	if flags&blockHasPacked != 0 {
		if b.compressed, err = number(in); err != nil {
			return 0, errHeader
		}
	}
	if flags&blockHasUnpacked != 0 {
		if b.unpacked, err = number(in); err != nil {
			return 0, errHeader
		}
	}
	id, err := number(in)
	if err != nil {
		return 0, errHeader
	}
	if flags&blockFilters != 0 || id != filterLZMA2 {
		return 0, errors.New("it is packed with a filter that is not read here; pack it without filters, as xz does by itself")
	}
	size, err := number(in)
	code, errCode := in.ReadByte()
	if err != nil || errCode != nil || size != 1 || code > dictionaryCodes {
		return 0, errHeader
	}
	for in.Len() > 0 {
		if c, _ := in.ReadByte(); c != 0 {
			return 0, errHeader
		}
	}
	if dictionary, err = lzma.DecodeDictCap(code); err != nil {
		return 0, errHeader
	}
	return dictionary, nil
}

// endBlock checks a block against its header and its sum.
func (r *Reader) endBlock() error {
	b, s := r.block, r.stream
	packed := r.in.n - b.begin
	if !b.data.EOS() || !b.chunks.ended || b.compressed >= 0 && b.compressed != packed || b.unpacked >= 0 && b.unpacked != b.out {
		return errChunk
	}
	if err := r.in.zeros(packed); err != nil {
		return err
	}
	sum, err := r.in.take(s.checkSize)
	if err != nil {
		return err
	}
	if s.check != nil && !bytes.Equal(sum, s.check.Sum(nil)) {
		return errCheck
	}
	s.blocks++
	s.record(b.headerSize+packed+int64(s.checkSize), b.out)
	r.block = nil
	return nil
}

// record adds a block to a list of which only the sum is kept.
func (s *stream) record(size, out int64) {
	_ = binary.Write(s.records, binary.LittleEndian, [2]int64{size, out}) // a hash does not fail
}

// endStream reads the list of the blocks and the end of the stream.
func (r *Reader) endStream() error {
	s, begin, sum := r.stream, r.in.n-1, crc32.NewIEEE()
	_, _ = sum.Write([]byte{0})
	list := &summing{in: r.in, sum: sum}
	blocks, err := number(list)
	if err != nil {
		return err
	}
	if uint64(blocks) != s.blocks {
		return errIndex
	}
	want := s.records.Sum(nil)
	s.records.Reset()
	for range blocks {
		size, err := number(list)
		if err != nil {
			return err
		}
		out, err := number(list)
		if err != nil {
			return err
		}
		s.record(size, out)
	}
	for (r.in.n-begin)%padBytes != 0 {
		if c, err := list.ReadByte(); err != nil || c != 0 {
			return errors.Join(err, errIndex)
		}
	}
	if !bytes.Equal(want, s.records.Sum(nil)) {
		return errIndex
	}
	tail, err := r.in.take(4)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(tail) != sum.Sum32() {
		return errIndex
	}
	size := r.in.n - begin
	if tail, err = r.in.take(headerBytes); err != nil {
		return err
	}
	back := (int64(binary.LittleEndian.Uint32(tail[4:])) + 1) * padBytes
	if crc32.ChecksumIEEE(tail[4:10]) != binary.LittleEndian.Uint32(tail) || back != size ||
		!bytes.Equal(tail[8:10], s.flags) || string(tail[10:]) != "YZ" {
		return errIndex
	}
	r.stream = nil
	return nil
}
