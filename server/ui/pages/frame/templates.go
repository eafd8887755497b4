package frame

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
)

//go:embed files
var files embed.FS

// shared are the layout and the pieces that every page may use.
var shared = template.Must(template.New("shared").Funcs(functions).ParseFS(files, "files/layout.html", "files/pieces.html"))

// own are the frame's own pages.
var own = Parse(files, "files/login.html", "files/problem.html")

// Templates are the templates of some pages, each with the layout and the shared
// pieces around it.
type Templates struct{ byFile map[string]*template.Template }

// Parse reads templates, usually embedded ones. Each file defines "main", the content
// of its page. It panics when one is wrong: a test of any page notices.
func Parse(from fs.FS, names ...string) *Templates {
	t := &Templates{byFile: map[string]*template.Template{}}
	for _, name := range names {
		text, err := fs.ReadFile(from, name)
		if err != nil {
			panic("frame: " + err.Error())
		}
		one := template.Must(template.Must(shared.Clone()).New(name).Parse(string(text)))
		t.byFile[fileName(name)] = one
	}
	return t
}

// fileName is the name of a file without its folder.
func fileName(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

func (t *Templates) execute(w io.Writer, file, block string, data any) error {
	one := t.byFile[file]
	if one == nil {
		return fmt.Errorf("there is no template %s", file)
	}
	return one.ExecuteTemplate(w, block, data)
}

// Fragment renders one block of a template by itself, for streams.
func (t *Templates) Fragment(w io.Writer, file, block string, data any) error {
	return t.execute(w, file, block, data)
}
