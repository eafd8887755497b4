package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
)

// File is one result file of an upload.
type File struct {
	Name    string // as it is shown; it need not exist anywhere
	Content io.Reader
}

// Upload says where results go.
type Upload struct {
	// Run is the run's test_id; 0 lets the server make a run.
	Run int64

	// RunToken is the secret of a run that was made with one.
	RunToken string

	// Strict refuses damaged and unknown files with a Problem of status 422, and
	// nothing is stored then.
	Strict bool

	// Add adds the files to the run's current result, instead of making another
	// attempt.
	Add bool
}

// Upload sends result files of a run, as they are read; nothing is held in
// memory. Several files are one result. An upload is not retried, because readers
// can be read once only; sending the same bytes for the same run again is no second
// result.
func (a *API) Upload(ctx context.Context, to Upload, files ...File) (*ResultSaved, error) {
	if len(files) == 0 {
		return nil, errors.New("there is no file to upload")
	}
	params := &PostResultParams{}
	if to.Run != 0 {
		id := strconv.FormatInt(to.Run, 10)
		params.TestID = &id
	}
	if to.RunToken != "" {
		params.RunToken = &to.RunToken
	}
	if to.Strict {
		strict := "true"
		params.Strict = &strict
	}
	if to.Add {
		add := "true"
		params.Add = &add
	}
	body, contentType := stream(nil, files)
	defer body.Close() // which ends the writer when the server answered early
	answer, err := a.PostResultWithBodyWithResponse(ctx, params, contentType, body)
	if err != nil {
		return nil, err
	}
	if answer.JSON201 == nil {
		return nil, unexpected(answer.HTTPResponse)
	}
	return answer.JSON201, nil
}

// TestResultUpload is the result of a test opportunity.
type TestResultUpload struct {
	Product string // its id
	Result  NewTestResult

	// Strict refuses damaged and unknown files with a Problem of status 422, and the
	// result with them.
	Strict bool
}

// UploadTestResult posts the result of a test opportunity with what the runner wrote,
// as it is read. All files are kept, and single tests are read from those that are
// reports. With a lease the result has a key made of it, and without one the server
// knows the same result again, so that a call whose answer was lost can be made again;
// a late one, whose lease has ended, is a Problem of status 409.
func (a *API) UploadTestResult(ctx context.Context, to TestResultUpload, files ...File) (*TestResult, error) {
	params := &PostTestResultParams{}
	if token, err := to.Result.LeaseToken.Get(); err == nil {
		key := "result-" + token
		params.IdempotencyKey = &key
	}
	if to.Strict {
		strict := "true"
		params.Strict = &strict
	}
	var answer *PostTestResultResp
	var err error
	if len(files) == 0 {
		answer, err = a.PostTestResultWithResponse(ctx, to.Product, params, to.Result)
	} else {
		var first []byte
		if first, err = json.Marshal(to.Result); err != nil {
			return nil, err
		}
		body, contentType := stream(first, files)
		defer body.Close() // which ends the writer when the server answered early
		answer, err = a.PostTestResultWithBodyWithResponse(ctx, to.Product, params, contentType, body)
	}
	switch {
	case err != nil:
		return nil, err
	case answer.JSON201 != nil:
		return answer.JSON201, nil
	case answer.JSON200 != nil:
		return answer.JSON200, nil
	}
	return nil, unexpected(answer.HTTPResponse)
}

// stream writes the files as a form while it is being read, behind the part result
// when there is one.
func stream(result []byte, files []File) (body *io.PipeReader, contentType string) {
	body, into := io.Pipe()
	form := multipart.NewWriter(into)
	go func() {
		into.CloseWithError(writeForm(form, result, files)) // nil is the end of the form
	}()
	return body, form.FormDataContentType()
}

func writeForm(form *multipart.Writer, result []byte, files []File) error {
	if result != nil {
		part, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {`form-data; name="result"`}, "Content-Type": {"application/json"},
		})
		if err != nil {
			return err
		}
		if _, err := part.Write(result); err != nil {
			return err
		}
	}
	for _, f := range files {
		part, err := form.CreateFormFile("file", f.Name)
		if err != nil {
			return err
		}
		if _, err := io.Copy(part, f.Content); err != nil {
			return fmt.Errorf("read %s: %w", f.Name, err)
		}
	}
	return form.Close()
}

// unexpected is the error for an answer that the document does not know.
func unexpected(answer *http.Response) error {
	return fmt.Errorf("the server answered %s with %q, which is no answer of this call", answer.Status, answer.Header.Get("Content-Type"))
}

// Download opens a result's raw upload, an attachment or another file that an
// operation answers with bytes, such as (*Client).GetRaw: pass what the call
// returned. The caller closes it.
func Download(answer *http.Response, err error) (io.ReadCloser, error) {
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		if answer.StatusCode >= http.StatusBadRequest {
			return nil, ProblemOf(answer)
		}
		return nil, unexpected(answer)
	}
	return answer.Body, nil
}

// Raw returns the calls that leave the answer's body to the caller, for what is
// too large to be held in memory. Errors are Problems there too.
func (a *API) Raw() *Client { return a.raw }
