package openapi

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed 06-problems.yaml
var problems []byte

// ProblemPages is the path below which each kind of problem has a page under its id.
const ProblemPages = "/docs/problems/"

// Problem is what people are told of a kind of problem: a row of the document's table
// x-problems.
type Problem struct {
	ID     string `json:"id" yaml:"-"`
	Status []int  `json:"status"` // the statuses that it comes with
	Title  string `json:"title"`
	Means  string `json:"means"` // what happened
	Do     string `json:"do"`    // what the caller can do about it
}

// Problems returns every kind of problem, in the order of the document.
func Problems() ([]Problem, error) { return table() }

var table = sync.OnceValues(func() ([]Problem, error) {
	var file struct {
		Problems yaml.Node `yaml:"x-problems"`
	}
	if err := yaml.Unmarshal(problems, &file); err != nil {
		return nil, fmt.Errorf("table of problems: %w", err)
	}
	var all []Problem
	for i := 0; i+1 < len(file.Problems.Content); i += 2 {
		row := Problem{ID: file.Problems.Content[i].Value}
		if err := row.read(file.Problems.Content[i+1]); err != nil {
			return nil, fmt.Errorf("table of problems: %s: %w", row.ID, err)
		}
		all = append(all, row)
	}
	return all, nil
})

// read decodes a row that has every member and no other.
func (p *Problem) read(row *yaml.Node) error {
	text, err := yaml.Marshal(row)
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(p); err != nil {
		return err
	}
	if len(p.Status) == 0 || p.Title == "" || p.Means == "" || p.Do == "" {
		return errors.New("must have status, title, means and do")
	}
	return nil
}
