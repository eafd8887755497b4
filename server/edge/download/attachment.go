package download

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// Attachments opens what was kept of attachments; the Store of results does.
type Attachments interface {
	OpenAttachment(ctx context.Context, r *resultstore.Result, a *resultstore.Attachment) (store.Blob, error)
}

// Attachment returns the attachment k of a list of test n of the result, opened:
// Send closes it. There is a 404 fault when the list has no such attachment.
func Attachment(ctx context.Context, from Attachments, r *resultstore.Result, n int64, list []resultstore.Attachment, k int) (File, error) {
	if k >= len(list) {
		return File{}, fault.NotFound("the test has no attachment %d", k)
	}
	a := &list[k]
	blob, err := from.OpenAttachment(ctx, r, a)
	if err != nil {
		return File{}, Lost(err)
	}
	return File{
		Name:     a.Name,
		Tag:      fmt.Sprintf("%s-%d-%d", r.SHA256, n, k),
		Modified: r.CreatedAt,
		Size:     a.Kept(),
		Content:  blob,
		Close:    blob.Close,
	}, nil
}

// Lost says of a blob that a row names and that is not there that it is lost: it is
// no 404, because the thing that was asked for exists.
func Lost(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: %s", store.ErrContentLost, err) //nolint:errorlint // it must not be found again
	}
	return err
}
