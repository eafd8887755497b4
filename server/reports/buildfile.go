package reports

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/slipway-lab/slipway/server/edge/download"
	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// maxBuildFile bounds the file that describes a build; kernelci-core's has a few
// thousand bytes.
const maxBuildFile = 1 << 20

// intakeBuild reads the body of a POST of a build, together with the file that
// kernelci-core has uploaded for it: until 2021 its builders posted the place of that
// file only, and what became of the build stood in the file. One that cannot be used
// is named in the warnings, and the build is what the body says.
func (h *Handler) intakeBuild(ctx context.Context, body document.Body) (*document.Document, []string, error) {
	build, warnings, err := document.IntakeBuild(body)
	if err != nil {
		return nil, nil, err
	}
	f, err := h.buildFile(ctx, document.DescribedByFile(body))
	if f == nil || err != nil {
		return build, warnings, err
	}
	file, reason, err := h.readBuildFile(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	if reason == "" {
		var described *document.Document
		var wrong []string
		if described, wrong, reason = document.IntakeDescribedBuild(body, file); reason == "" {
			return described, wrong, nil
		}
	}
	return build, append(warnings, fmt.Sprintf("the file %s does not describe the build: %s", f.Path, reason)), nil
}

// buildFile returns the first file that may describe a build, nil when there is none.
func (h *Handler) buildFile(ctx context.Context, folders []string) (*reportstore.File, error) {
	for _, folder := range folders {
		for _, name := range []string{"bmeta.json", "build.json"} {
			path, err := filePath(withoutDots(folder + "/" + name))
			if err != nil {
				continue
			}
			f, err := h.writer(ctx).File(ctx, path)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			return f, err
		}
	}
	return nil, nil
}

// readBuildFile reads the file, or says for what reason that cannot be done.
func (h *Handler) readBuildFile(ctx context.Context, f *reportstore.File) (_ document.Body, reason string, err error) {
	switch {
	case f.Expired != 0:
		return document.Body{}, "it has expired", nil
	case f.Bytes > maxBuildFile:
		return document.Body{}, fmt.Sprintf("it is larger than %d bytes", maxBuildFile), nil
	}
	text, err := h.contentOf(ctx, f)
	switch {
	case errors.Is(err, store.ErrContentLost):
		return document.Body{}, "its content is lost", nil
	case err != nil:
		return document.Body{}, "", fmt.Errorf("file %.80q: %w", f.Path, err)
	}
	file, err := document.ParseBody(text, h.limits())
	if err != nil {
		return document.Body{}, err.Error(), nil
	}
	return file, "", nil
}

func (h *Handler) contentOf(ctx context.Context, f *reportstore.File) ([]byte, error) {
	blob, err := h.store.Blobs.Open(ctx, f.SHA256)
	if err != nil {
		return nil, download.Lost(err)
	}
	defer blob.Close()
	return io.ReadAll(blob)
}
