package frame

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"sync"
)

//go:embed files
var files embed.FS

// shared are the layout and the pieces that every page may use.
var shared = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("shared").Funcs(functions).ParseFS(files, "files/layout.html", "files/pieces.html"))
})

// own are the frame's own pages.
var own = Parse(files, "files/login.html", "files/problem.html")

// Templates are the templates of some pages, each with the layout and the shared
// pieces around it.
type Templates struct {
	byFile map[string]func() *template.Template
}

// Parse takes templates, usually embedded ones. Each file defines "main", the content
// of its page. It is read when its page is first shown, because every command of the
// program would else wait for all of them, and panics then when it is wrong: the test
// of its page notices.
func Parse(from fs.FS, names ...string) *Templates {
	t := &Templates{byFile: map[string]func() *template.Template{}}
	for _, name := range names {
		t.byFile[fileName(name)] = sync.OnceValue(func() *template.Template {
			text, err := fs.ReadFile(from, name)
			if err != nil {
				panic("frame: " + err.Error())
			}
			return template.Must(template.Must(shared().Clone()).New(name).Parse(string(text)))
		})
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
	return one().ExecuteTemplate(w, block, data)
}

// Fragment renders one block of a template by itself, for streams.
func (t *Templates) Fragment(w io.Writer, file, block string, data any) error {
	return t.execute(w, file, block, data)
}
