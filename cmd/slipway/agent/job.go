package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/cmd/slipway/lazyfile"
	"github.com/slipway-lab/slipway/gen/client"
)

// Statuses that an exit code stands for.
const (
	passed  = "PASSED"
	failed  = "FAILED"
	skipped = "SKIPPED"
	errored = "ERROR"
)

// Why a job is stopped.
var (
	errTimeout = errors.New("it ran longer than the agent's --timeout")
	errStopped = errors.New("the agent was stopped")
)

// job is one test opportunity at work.
type job struct {
	*Agent
	work *client.Work
	rec  *record
	dir  string
	out  *spool

	filesLeft bool // the result is posted without its files, which stay here
}

// newJob writes down what was picked before anything is done with it.
func (a *Agent) newJob(w *client.Work) (*job, error) {
	j := &job{Agent: a, work: w, rec: &record{Opportunity: w.Opportunity}, dir: a.state.folder(w.Opportunity)}
	const private = 0o700
	if err := os.MkdirAll(filepath.Join(j.dir, workDir), private); err != nil {
		return j, err
	}
	if err := j.rec.write(j.dir); err != nil {
		return j, err
	}
	return j, j.open()
}

func (j *job) open() (err error) {
	j.out, err = openSpool(filepath.Join(j.dir, outputFile))
	return err
}

// heldBefore is a job that an agent before this one left behind. What runs of it
// still is ended; unless its end is known it is an error.
func (a *Agent) heldBefore(dir string) (*job, error) {
	rec, err := readRecord(dir)
	if err != nil {
		return nil, err
	}
	j := &job{Agent: a, work: a.session.Resume(rec.Opportunity), rec: rec, dir: dir}
	endMarked(rec.Opportunity.Lease.Token, 0)
	if err := j.open(); err != nil {
		return nil, err
	}
	if rec.End == nil {
		j.out.note("the agent was killed while the command ran; this is all that is known")
		j.finish(end{Status: errored, Reason: "the agent was killed while the command ran", Files: j.resultFiles(filepath.Join(dir, workDir))})
	}
	return j, nil
}

// run works on the job and reports it. It ends when the server has taken the result
// or refused it for good, or when ctx ends: then the job stays on disk.
func (j *job) run(ctx context.Context) {
	log := j.Log.With("test_opportunity_id", j.work.ID(), "attempt", j.rec.Opportunity.Lease.Attempt)
	sending, enough := context.WithCancelCause(ctx)
	defer enough(nil)
	sent := make(chan error, 1)
	go func() { sent <- j.send(sending) }()
	if j.rec.End == nil {
		running, stop := context.WithCancelCause(ctx)
		go j.beat(running, stop)
		log.InfoContext(ctx, "test opportunity picked", "folder", j.dir)
		e := j.execute(running)
		why := context.Cause(running)
		j.finish(e)
		stop(nil)
		if errors.Is(why, client.ErrLost) {
			enough(errEnded)
			if err := <-sent; err != nil {
				log.DebugContext(ctx, "the last output was not taken", "error", err)
			}
			j.keep(ctx, log, client.ErrLost)
			return
		}
	}
	keep, done := context.WithCancelCause(ctx)
	defer done(nil)
	go j.beat(keep, func(error) {}) // the lease must last until the result is there
	enough(errEnded)
	outputErr := <-sent
	if ctx.Err() != nil {
		return
	}
	if outputErr != nil {
		log.WarnContext(ctx, "not all of the output was sent", "error", outputErr)
	}
	err := j.report(ctx, outputErr)
	switch {
	case err == nil:
		log.InfoContext(ctx, "result posted", "status", j.rec.End.Status)
		if j.filesLeft {
			j.out.f.Close()
			kept, moved := j.state.refuse(j.dir)
			log.ErrorContext(ctx, "the files of the result are kept here", "folder", kept, "error", moved)
			return
		}
		if err := j.discard(); err != nil {
			log.WarnContext(ctx, "the job's folder stays", "folder", j.dir, "error", err)
		}
	case ctx.Err() == nil:
		j.keep(ctx, log, err)
	}
}

// keep puts a job whose result nobody takes where people find it, and says so.
func (j *job) keep(ctx context.Context, log *slog.Logger, why error) {
	j.out.f.Close()
	kept, moved := j.state.refuse(j.dir)
	log.ErrorContext(ctx, "the server refused the result, which is kept here", "status", j.rec.End.Status, "folder", kept, "error", errors.Join(why, moved))
}

// report posts the result; cancelled work is given back, which ends it.
func (j *job) report(ctx context.Context, outputErr error) error {
	if !j.rec.End.Cancelled {
		return j.post(ctx, outputErr)
	}
	return j.persist(ctx, "give back cancelled work", func() (bool, error) {
		err := j.work.Release(ctx, j.rec.End.Reason)
		return refusedOutput(err), err
	})
}

func (j *job) discard() error {
	j.out.f.Close()
	// The record goes first: a folder that is removed in part is no job.
	return errors.Join(os.Remove(filepath.Join(j.dir, jobFile)), removeAll(j.dir))
}

// finish writes the end down. A full disk must not keep it from being reported, but
// what happened on one is no pass: files of the command may be cut there as well.
func (j *job) finish(e end) {
	if lost, full := j.out.trouble(); full != nil {
		e.Reason = strings.TrimPrefix(e.Reason+fmt.Sprintf("; the agent's disk did not take the output: %v", full), "; ")
		if lost > 0 {
			e.Reason += fmt.Sprintf("; %d bytes of it are lost", lost)
		}
		j.Log.Error("the disk did not take the output of a job", "test_opportunity_id", j.work.ID(), "lost_bytes", lost, "error", full)
		if e.Status == passed || e.Status == skipped {
			e.Status = errored
		}
	}
	j.rec.End = &e
	if err := j.rec.write(j.dir); err != nil {
		j.Log.Error("the end of a job is not on disk", "test_opportunity_id", j.work.ID(), "error", err)
	}
}

// execute prepares and runs the command, and says how that ended.
func (j *job) execute(ctx context.Context) end {
	o := j.rec.Opportunity
	dir := filepath.Join(j.dir, workDir)
	text, err := json.MarshalIndent(o, "", "  ")
	if err == nil {
		err = writeFile(filepath.Join(dir, "opportunity.json"), append(text, '\n'))
	}
	if err != nil {
		j.out.note("the folder of the command cannot be written: %v", err)
		return end{Status: errored, Reason: "the agent could not write the folder of the command: " + err.Error()}
	}
	if j.JobTimeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, j.JobTimeout, errTimeout)
		defer stop()
	}
	env := environment(o, j.Server, o.Lease.Token, j.Labels)
	if j.Prepare != "" {
		code, err := runPiped(ctx, []string{"/bin/sh", "-c", j.Prepare}, dir, env, o.Lease.Token, j.Grace, j.out)
		if err != nil || code != 0 || ctx.Err() != nil {
			return j.judge(ctx, code, errors.Join(err, fmt.Errorf("the preparation ended with %d", code)))
		}
	}
	code, err := runPiped(ctx, j.Command, dir, withoutToken(env), o.Lease.Token, j.Grace, j.out)
	e := j.judge(ctx, code, err)
	e.Files = j.resultFiles(dir)
	return e
}

// word is what a status may be.
var word = regexp.MustCompile(`^[A-Za-z0-9_]{1,32}$`)

// judge makes a status of an exit code. A command that was stopped, or did not
// start, passed nothing.
func (j *job) judge(ctx context.Context, code int, err error) end {
	if ctx.Err() != nil {
		why := context.Cause(ctx)
		j.out.note("the command was stopped: %v", why)
		return end{Status: errored, Reason: why.Error(), Exit: &code, Cancelled: errors.Is(why, client.ErrCancelled)}
	}
	if err != nil {
		j.out.note("%v", err)
		return end{Status: errored, Reason: err.Error(), Exit: &code}
	}
	e := end{Status: errored, Exit: &code}
	switch code {
	case 0:
		e.Status = passed
	case 1:
		e.Status = failed
	case 2:
		e.Status = skipped
	default:
		e.Reason = fmt.Sprintf("the command ended with %d", code)
	}
	if j.StatusFile == "" {
		return e
	}
	text, err := readStatus(filepath.Join(j.dir, workDir, j.StatusFile))
	switch status := strings.TrimSpace(string(text)); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil || !word.MatchString(status):
		e.Status, e.Reason = errored, fmt.Sprintf("the status file %s holds no word of 1 to 32 letters, digits or _", j.StatusFile)
	default:
		e.Status = strings.ToUpper(status) // as the server takes it, so that it is told from a pass here as well
	}
	return e
}

// readStatus reads a status file. What a command puts in its place must not hold the
// agent up, nor fill its memory.
func readStatus(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	const longest = 1 << 10
	if !info.Mode().IsRegular() || info.Size() > longest {
		return nil, errors.New("it is no file with a word")
	}
	return os.ReadFile(name)
}

// resultFiles are those of the globs first, reports before artifacts, each once.
func (j *job) resultFiles(dir string) []string {
	var files []string
	root := os.DirFS(dir)
	add := func(name string) {
		if info, err := fs.Stat(root, name); err == nil && info.Mode().IsRegular() && !slices.Contains(files, name) {
			files = append(files, name)
		}
	}
	for _, glob := range j.Results {
		names, err := fs.Glob(root, filepath.ToSlash(filepath.Clean(glob)))
		if err != nil || len(names) == 0 {
			j.out.note("there is no result file %s", glob)
		}
		for _, n := range names {
			add(n)
		}
	}
	_ = fs.WalkDir(root, "artifacts", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			add(name) // what a link leads to as well
		}
		return nil // a folder that cannot be read has no files
	})
	return files
}

// post sends the result until the server has it or refuses it for good.
func (j *job) post(ctx context.Context, outputErr error) error {
	e := *j.rec.End
	if outputErr != nil && !errors.Is(outputErr, errEnded) {
		e.Reason = strings.TrimPrefix(e.Reason+"; not all of the output was sent: "+outputErr.Error(), "; ")
	}
	payload, err := json.Marshal(map[string]any{"agent": j.Name, "exit_code": e.Exit, "reason": e.Reason, "files": len(e.Files)})
	if err != nil {
		return err
	}
	files := e.Files
	return j.persist(ctx, "post a result", func() (bool, error) {
		opened := opened(filepath.Join(j.dir, workDir), files)
		err := j.work.Result(ctx, e.Status, payload, opened...)
		var unread error
		for _, f := range opened {
			unread = errors.Join(unread, f.Content.(*lazyfile.File).End())
		}
		var p *client.Problem
		var why string
		switch {
		case err != nil && unread != nil:
			why = "the files cannot be read: " + unread.Error()
		case errors.As(err, &p) && len(files) > 0 && filesRefused(p):
			why = "the server did not take the files: " + p.Detail
		default:
			return refusedOutput(err), err
		}
		// The status must arrive even when its files may not. They may hold a failure,
		// so that it is no pass, and stay on disk.
		j.Log.WarnContext(ctx, "a result goes without its files", "test_opportunity_id", j.work.ID(), "error", why)
		j.filesLeft = true
		if e.Status == passed || e.Status == skipped {
			e.Status = errored
		}
		e.Reason = strings.TrimPrefix(e.Reason+"; "+why, "; ")
		payload, _ = json.Marshal(map[string]any{"agent": j.Name, "exit_code": e.Exit, "reason": e.Reason, "files": 0}) // of plain values
		files = nil
		return false, err
	})
}

// filesRefused tells a refusal of the files from one of the result.
func filesRefused(p *client.Problem) bool {
	switch p.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// opened are files that are opened when they are read: a process may not have as many
// open as a command can write.
func opened(dir string, names []string) []client.File {
	var files []client.File
	for _, name := range names {
		files = append(files, client.File{Name: name, Content: lazyfile.New(filepath.Join(dir, filepath.FromSlash(name)))})
	}
	return files
}

// persist tries until it is done or refused; pauses grow to a limit.
func (j *job) persist(ctx context.Context, what string, try func() (final bool, err error)) error {
	for pause := time.Second; ; pause = min(2*pause, j.MaxPause) {
		final, err := try()
		if err == nil || final || ctx.Err() != nil {
			return err
		}
		j.Log.WarnContext(ctx, "the server is away", "what", what, "again_in", pause, "error", err)
		if err := client.Wait(ctx, min(pause, j.MaxPause)); err != nil {
			return err
		}
	}
}

// errEnded: the command has ended, and what is on disk is all there will be.
var errEnded = errors.New("the command has ended")

// send sends output as it comes, to its end. It returns why the server took no more
// of it.
func (j *job) send(ctx context.Context) error {
	whole := context.WithoutCancel(ctx) // the rest is sent after the command has ended
	base, offset, err := j.outputBase(whole)
	if err != nil {
		return err
	}
	for {
		b, err := j.out.at(offset)
		if len(b) == 0 {
			if errors.Is(context.Cause(ctx), errEnded) || j.life.Err() != nil {
				return err
			}
			select {
			case <-ctx.Done():
			case <-j.out.more:
				_ = client.Wait(ctx, outputEvery) // so that lines go together
			}
			continue
		}
		j.work.OutputAt(base + offset)
		err = j.persist(j.life, "send output", func() (bool, error) {
			const patience = 5 * time.Minute
			ctx, stop := context.WithTimeout(whole, patience)
			defer stop()
			err := j.work.Output(ctx, b)
			return refusedOutput(err), err
		})
		if err != nil {
			return err
		}
		offset += int64(len(b))
		j.out.sent(offset)
	}
}

// outputBase asks where this attempt's output begins at the server, which the disk
// remembers, and how much of it is there.
func (j *job) outputBase(ctx context.Context) (base, sent int64, err error) {
	var size int64
	err = j.persist(j.life, "ask how much output there is", func() (bool, error) {
		var err error
		size, err = j.work.OutputSize(ctx)
		return refusedOutput(err), err
	})
	if err != nil {
		return 0, 0, err
	}
	name := filepath.Join(j.dir, baseFile)
	if text, err := os.ReadFile(name); err == nil {
		if base, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return base, max(size-base, 0), nil
		}
	}
	if err := writeFile(name, strconv.AppendInt(nil, size, 10)); err != nil {
		// After a restart the output would be sent a second time, which is better than none.
		j.Log.WarnContext(ctx, "where the output begins is not on disk", "test_opportunity_id", j.work.ID(), "error", err)
	}
	return size, 0, nil
}

// heartbeat says once that the job is worked on. A server or proxy that never answers
// must not keep the next one back until the lease has ended.
func (j *job) heartbeat(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, max(j.Heartbeat, min(j.Lease/3, 30*time.Second), time.Second))
	defer stop()
	return j.work.Heartbeat(ctx)
}

// beat keeps the lease until ctx ends, and stops the job when the server says so.
func (j *job) beat(ctx context.Context, stop context.CancelCauseFunc) {
	for {
		if err := client.Wait(ctx, j.Heartbeat); err != nil {
			return
		}
		err := j.heartbeat(ctx)
		switch {
		case errors.Is(err, client.ErrLost):
			// Nobody else has it yet: a result would still be taken.
			if elsewhere, err := j.work.Elsewhere(ctx); err == nil && !elsewhere {
				continue
			}
			j.Log.WarnContext(ctx, "the command is stopped", "test_opportunity_id", j.work.ID(), "reason", err)
			stop(err)
			return
		case errors.Is(err, client.ErrCancelled):
			j.Log.WarnContext(ctx, "the command is stopped", "test_opportunity_id", j.work.ID(), "reason", err)
			stop(err)
		case err != nil && ctx.Err() == nil:
			j.Log.WarnContext(ctx, "no heartbeat", "test_opportunity_id", j.work.ID(), "error", err)
		}
	}
}
