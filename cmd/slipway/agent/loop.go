package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/client"
)

// outputEvery is how long output waits for more of it before it is sent.
const outputEvery = 200 * time.Millisecond

// Config is the settings of an agent.
type Config struct {
	Name       string            `required:"" placeholder:"ID" help:"The agent's id at the server."`
	Platform   string            `placeholder:"NAME" help:"Which platform it tests, such as armhf."`
	Group      string            `placeholder:"NAME" help:"The group of agents it belongs to."`
	Products   []uuid.UUID       `placeholder:"ID" help:"Only work of these products. Default: of all."`
	Releases   []string          `placeholder:"NAME" help:"Only work of products of these releases. Default: of all."`
	Labels     map[string]string `placeholder:"KEY=VALUE" help:"Notes that the server shows."`
	Capacity   int               `default:"1" min:"1" max:"1000" help:"How many test opportunities it works on at a time."`
	Prepare    string            `placeholder:"COMMAND" help:"A command of the shell that runs before, such as: slipway deploy node1 --wait. When it fails the result is ERROR."`
	Results    []string          `placeholder:"GLOB" help:"Result files that go along, within the folder of the command, such as out/*.xml. All files below artifacts go along too."`
	StatusFile string            `placeholder:"FILE" help:"A file in the folder of the command whose word is the status, whatever the exit code."`
	Grace      time.Duration     `default:"10s" min:"0s" help:"How long a command has between SIGTERM and SIGKILL."`
	Lease      time.Duration     `default:"5m" min:"1s" max:"168h" help:"After how long without a heartbeat the server gives the work to another agent."`
	Heartbeat  time.Duration     `default:"10s" min:"10ms" help:"How often the agent says that it works, and hears of a cancellation; at most a third of the lease."`
	MaxPause   time.Duration     `default:"30s" min:"10ms" help:"Longest pause between two attempts while the server is away."`
	State      string            `type:"path" placeholder:"DIR" help:"Where the agent keeps what it holds. Default: $STATE_DIRECTORY, else slipway/agent/NAME in $XDG_STATE_HOME or ~/.local/state."`
	Once       bool              `help:"Leave after one test opportunity."`
	Command    []string          `arg:"" passthrough:"partial" name:"command" help:"The command and its arguments, behind --."`

	Server     string        `kong:"-"`
	JobTimeout time.Duration `kong:"-"` // of a command; 0: no limit
	Log        *slog.Logger  `kong:"-"`
}

// Agent is one that runs.
type Agent struct {
	Config
	session *client.AgentSession
	state   *state
	life    context.Context // ends when the agent must leave at once

	mu   sync.Mutex
	held map[string]bool // ids of test opportunities, until their result is there
	room chan struct{}   // has a token for each job that may begin
	jobs sync.WaitGroup
}

// Run works until ctx ends, which drains: what is held is finished and reported
// first. A second SIGTERM or SIGINT leaves at once; what was held is reported at the
// next start.
func Run(ctx context.Context, c Config, api *client.API) error {
	dir, err := c.stateDir()
	if err != nil {
		return err
	}
	st, err := openState(dir)
	if err != nil {
		return err
	}
	defer st.close()
	instance, err := st.instance(uuid.NewString())
	if err != nil {
		return err
	}
	c.Heartbeat = min(c.Heartbeat, c.Lease/3)
	life, leave := context.WithCancelCause(context.WithoutCancel(ctx))
	defer leave(nil)
	a := &Agent{Config: c, session: api.Agent(c.Name, instance), state: st, life: life, held: map[string]bool{}, room: make(chan struct{}, c.Capacity)}
	a.session.Lease = c.Lease
	for range c.Capacity {
		a.room <- struct{}{}
	}
	defer a.again(ctx, leave)()
	if err := a.resume(); err != nil {
		return err
	}
	if err := a.register(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	err = a.pollUntil(ctx)
	if err == nil && !a.idle() {
		a.Log.Info("the agent finishes what it holds and leaves; the same signal again leaves at once")
	}
	if errors.Is(err, client.ErrConflict) { // another machine is the agent: its mode is not ours
		a.jobs.Wait()
		return err
	}
	a.setMode(client.AgentMode("draining"), "the agent was told to stop")
	a.jobs.Wait()
	if life.Err() == nil {
		a.setMode(client.AgentMode("offline"), "the agent has stopped")
	}
	return err
}

// again listens for a second signal once ctx has ended.
func (a *Agent) again(ctx context.Context, leave context.CancelCauseFunc) (stop func()) {
	signals := make(chan os.Signal, 1)
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE) // a log that nobody reads must not end the work
	done := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
		case <-done:
			return
		}
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
		select {
		case <-signals:
			leave(errStopped)
		case <-done:
		}
	}()
	return func() {
		close(done)
		signal.Stop(signals)
		signal.Stop(pipe)
	}
}

// HasPlace reports whether an agent without --state has a place for what it holds.
func HasPlace() bool {
	return os.Getenv("STATE_DIRECTORY") != "" || stateHome() != ""
}

// stateHome is where programs keep their state, "" without a home.
func stateHome() string {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil || home == "" {
		return ""
	}
	return filepath.Join(home, ".local", "state")
}

func (c *Config) stateDir() (string, error) {
	if c.State != "" {
		return c.State, nil
	}
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" { // as systemd sets it
		return dir, nil
	}
	dir := stateHome()
	if dir == "" {
		return "", errors.New("there is no place for what the agent holds")
	}
	return filepath.Join(dir, "slipway", "agent", uuid.NewSHA1(uuid.NameSpaceURL, []byte(c.Server+" "+c.Name)).String()), nil
}

// register makes the agent known, however long the server is away.
func (a *Agent) register(ctx context.Context) error {
	capacity, mode := int32(a.Capacity), client.AgentMode("online")
	as := client.AgentRegistration{Capacity: &capacity, Releases: a.Releases, Labels: a.Labels, Mode: &mode}
	for _, product := range a.Products {
		as.Products = append(as.Products, product.String())
	}
	if a.Platform != "" {
		as.Platform = nullable.NewNullableWithValue(a.Platform)
	}
	if a.Group != "" {
		as.AgentGroup = nullable.NewNullableWithValue(a.Group)
	}
	for pause := time.Second; ; pause = min(2*pause, a.MaxPause) {
		err := a.session.Register(ctx, as)
		var p *client.Problem
		if err == nil || errors.As(err, &p) && (refusedOutput(err) || foreign(p) || credentialTrouble(p)) || errors.Is(err, client.ErrMoved) {
			return err
		}
		a.Log.WarnContext(ctx, "the server is away", "what", "register", "again_in", pause, "error", err)
		if err := client.Wait(ctx, min(pause, a.MaxPause)); err != nil {
			return err
		}
	}
}

// resume takes up what an agent before this one held.
func (a *Agent) resume() error {
	dirs, err := a.state.jobs()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		j, err := a.heldBefore(dir)
		if errors.Is(err, os.ErrNotExist) { // nothing was picked, or all was done
			if err := removeAll(dir); err != nil {
				a.Log.Warn("a folder that holds no job stays", "folder", dir, "error", err)
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("%s cannot be read: %w", dir, err)
		}
		a.Log.Warn("held when the agent ended, reported now", "test_opportunity_id", j.work.ID(), "status", j.rec.End.Status)
		a.begin(j, false)
	}
	return nil
}

// begin runs a job beside the loop; counted jobs give their room back.
func (a *Agent) begin(j *job, counted bool) {
	id := j.work.ID()
	a.mu.Lock()
	a.held[id] = true
	a.mu.Unlock()
	a.jobs.Add(1)
	go func() {
		defer a.jobs.Done()
		j.run(a.life)
		a.mu.Lock()
		delete(a.held, id)
		a.mu.Unlock()
		if counted {
			a.room <- struct{}{}
		}
	}()
}

func (a *Agent) holding() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := make([]string, 0, len(a.held))
	for id := range a.held {
		ids = append(ids, id)
	}
	return ids
}

func (a *Agent) idle() bool { return len(a.holding()) == 0 }

// pollUntil asks for work as long as there is room, until ctx ends.
func (a *Agent) pollUntil(ctx context.Context) error {
	const wait = 30 * time.Second
	pause := time.Second
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.room:
		}
		err := a.state.takes()
		var w *client.Work
		if err == nil {
			w, err = a.poll(ctx, wait)
		}
		switch {
		case w != nil:
			pause = time.Second
			if err := a.take(w); err != nil || a.Once {
				return err
			}
			continue
		case ctx.Err() != nil:
			a.giveBack()
			return nil
		}
		a.room <- struct{}{}
		if err == nil {
			pause = time.Second
			_ = client.Wait(ctx, outputEvery) // a server that answers at once must not be asked without end
			continue
		}
		var p *client.Problem
		if errors.As(err, &p) && refusedOutput(err) {
			return err
		}
		a.Log.WarnContext(ctx, "no work can be asked for", "again_in", pause, "error", err)
		_ = client.Wait(ctx, min(pause, a.MaxPause))
		pause = min(2*pause, a.MaxPause)
	}
}

// poll asks once, and not for longer than an answer may take.
func (a *Agent) poll(ctx context.Context, wait time.Duration) (*client.Work, error) {
	const patience = time.Minute
	ctx, stop := context.WithTimeout(ctx, wait+patience)
	defer stop()
	return a.session.Poll(ctx, wait, a.holding()...)
}

// giveBack tells the server what the agent holds, in case it has just handed out
// something in an answer that came too late: at capacity that waits again at once.
func (a *Agent) giveBack() {
	const patience = 5 * time.Second
	a.setMode(client.AgentMode("draining"), "the agent was told to stop")
	ctx, stop := context.WithTimeout(a.life, patience)
	defer stop()
	w, err := a.session.Poll(ctx, 0, a.holding()...)
	if err == nil && w != nil { // draining was not heard of
		err = w.Release(ctx, "the agent leaves")
	}
	if err != nil {
		a.Log.WarnContext(ctx, "the server is away while the agent leaves", "error", err)
	}
}

// take begins what was picked. What cannot be written down is not begun: it is
// reported as ERROR, and the agent leaves, since nothing it does can be trusted to
// the disk.
func (a *Agent) take(w *client.Work) error {
	j, err := a.newJob(w)
	if err == nil {
		a.begin(j, true)
		return nil
	}
	reason := "the agent's disk does not take the work: " + err.Error()
	ctx, stop := context.WithTimeout(a.life, time.Minute)
	defer stop()
	payload, _ := json.Marshal(map[string]string{"reason": reason}) // of text
	posted := w.Result(ctx, errored, payload)
	return errors.Join(errors.New(reason), posted, removeAll(j.dir))
}

// setMode tells the server; that it cannot is no reason to stay.
func (a *Agent) setMode(mode client.AgentMode, why string) {
	const patience = 5 * time.Second
	ctx, stop := context.WithTimeout(context.WithoutCancel(a.life), patience)
	defer stop()
	if err := a.session.SetMode(ctx, mode, why); err != nil {
		a.Log.Warn("the server does not know that the agent leaves", "error", err)
	}
}
