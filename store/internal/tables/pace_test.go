package tables

import "testing"

func TestPace(t *testing.T) {
	t.Parallel()
	p := NewPace(false)
	for range 50 {
		p.Took(p.Rows(), sliceTime/10)
	}
	if p.Rows() != maxSlice {
		t.Errorf("after quick slices %d rows, want %d", p.Rows(), maxSlice)
	}
	before := p.Rows()
	p.Took(before, 100*sliceTime)
	if p.Rows() < before*3/4 {
		t.Errorf("after one slow slice %d rows of %d, want it to follow slowly", p.Rows(), before)
	}
	for range 50 {
		p.Took(p.Rows(), 10*sliceTime)
	}
	if p.Rows() != minSlice {
		t.Errorf("after slow slices %d rows, want %d", p.Rows(), minSlice)
	}
}

func TestPace_Delete(t *testing.T) {
	t.Parallel()
	p := NewDeletePace()
	for range 50 {
		p.Took(p.Rows(), 100*sliceTime)
	}
	if p.Rows() != 1 {
		t.Errorf("after slow slices %d rows, want 1", p.Rows())
	}
	for range 100 {
		p.Took(p.Rows(), sliceTime/10)
	}
	if p.Rows() < 100 || p.Rows() > maxDelete {
		t.Errorf("after quick slices %d rows, want it to grow from 1 to at most %d", p.Rows(), maxDelete)
	}
}
