package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// notifyChannel carries the topics between the replicas on one PostgreSQL. A
// payload has the schema in front, because channels belong to the database, and
// who sent it, because that one knows already.
const notifyChannel = "slipway"

// hub wakes those who wait for something to change. A wake-up is a hint and
// never the only way: who waits also looks now and then.
type hub struct {
	mu      sync.Mutex
	waiting map[string]map[chan struct{}]struct{}

	listen sync.Once
	stop   context.CancelFunc // ends the listener; nil while there is none
	ended  chan struct{}

	unsent  map[string]struct{} // topics that the other replicas are to hear of
	sending bool
	sent    sync.Cond // on mu: nothing is being sent any more
}

// Notify wakes the subscribers of a topic, on every replica, when the
// transaction is durable.
func (s *Store) Notify(topic string) {
	if s.tx == nil || slices.Contains(s.tx.topics, topic) {
		return
	}
	s.tx.topics = append(s.tx.topics, topic)
	s.AfterCommit(func() { s.Wake(topic) })
}

// Wake wakes the subscribers of a topic on every replica. It does not wait for
// the others, and does not fail: they look now and then anyway.
func (s *Store) Wake(topic string) {
	s.core.hub.wake(topic)
	if s.db.Postgres {
		s.core.tell(topic)
	}
}

// tell sends a topic to the other replicas.
//
// It does so after the transaction and not in it: PostgreSQL lets only one
// transaction with a NOTIFY commit at a time, its flush to disk included
// (PreCommit_Notify in src/backend/commands/async.c), so that all changes would
// wait for one another. What a killed server could not send any more is found
// by looking.
func (c *core) tell(topic string) {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	if c.hub.unsent == nil {
		c.hub.unsent = map[string]struct{}{}
		c.hub.sent.L = &c.hub.mu
	}
	c.hub.unsent[topic] = struct{}{}
	if !c.hub.sending {
		c.hub.sending = true
		go c.send()
	}
}

// send sends until there is nothing left. What comes meanwhile goes together.
func (c *core) send() {
	for {
		topics := c.unsent()
		if topics == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
		_, _ = sqlDB(c.write).ExecContext(ctx, `SELECT pg_notify($1, current_schema() || '/' || $2 || '/' || topic) FROM unnest($3::text[]) AS topic`,
			notifyChannel, c.id, topics) // who was not told looks
		cancel()
	}
}

// sendTimeout is after how long it does not matter any more.
const sendTimeout = 5 * time.Second

// unsent takes what is to be sent; nil ends the sending.
func (c *core) unsent() []string {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	if len(c.hub.unsent) == 0 {
		c.hub.sending = false
		c.hub.sent.Broadcast()
		return nil
	}
	topics := slices.Collect(maps.Keys(c.hub.unsent))
	clear(c.hub.unsent)
	return topics
}

// awaitSent returns when nothing is being sent.
func (c *core) awaitSent() {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	for c.hub.sending {
		c.hub.sent.Wait()
	}
}

// Subscribe returns a channel that receives after a topic was notified, and a
// function that ends it. Several notifications may become one. Look for what
// you wait for after subscribing and before waiting.
func (s *Store) Subscribe(topic string) (wake <-chan struct{}, stop func()) {
	h := &s.core.hub
	if s.db.Postgres {
		h.listen.Do(s.core.startListening)
	}
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting == nil {
		h.waiting = map[string]map[chan struct{}]struct{}{}
	}
	if h.waiting[topic] == nil {
		h.waiting[topic] = map[chan struct{}]struct{}{}
	}
	h.waiting[topic][c] = struct{}{}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.waiting[topic], c)
		if len(h.waiting[topic]) == 0 {
			delete(h.waiting, topic)
		}
	}
}

func (h *hub) wake(topic string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.waiting[topic] {
		select {
		case c <- struct{}{}:
		default: // it will look anyway
		}
	}
}

// wakeAll is for when notifications may have been lost.
func (h *hub) wakeAll() {
	h.mu.Lock()
	var topics []string
	for topic := range h.waiting {
		topics = append(topics, topic)
	}
	h.mu.Unlock()
	for _, topic := range topics {
		h.wake(topic)
	}
}

func (c *core) startListening() {
	ctx, cancel := context.WithCancel(context.Background())
	c.hub.mu.Lock()
	c.hub.stop, c.hub.ended = cancel, make(chan struct{})
	c.hub.mu.Unlock()
	go c.listen(ctx)
}

// stopListening waits until the connection is given back.
func (c *core) stopListening() {
	c.awaitSent()
	c.hub.listen.Do(func() {}) // nobody may start any more
	c.hub.mu.Lock()
	stop, ended := c.hub.stop, c.hub.ended
	c.hub.mu.Unlock()
	if stop != nil {
		stop()
		<-ended
	}
}

const (
	// deafLook is how often everybody is woken while there is no connection to
	// listen on, and deafLooks is how often at most: afterwards the looks of those
	// who wait have to do.
	deafLook  = 50 * time.Millisecond
	deafLooks = 40

	listenPause   = 100 * time.Millisecond // after an attempt to connect that failed; doubled up to
	listenPauseUp = 2 * time.Second
	listenTimeout = 5 * time.Second // of one attempt

	// listenAlive is how long the connection may be silent before PostgreSQL is
	// asked for a sign of life.
	listenAlive = 10 * time.Second
)

// listen hears the other replicas until ctx ends.
func (c *core) listen(ctx context.Context) {
	defer close(c.hub.ended)
	for ctx.Err() == nil {
		conn, prefix := c.listenSoon(ctx)
		if conn == nil {
			return
		}
		c.hub.wakeAll() // for what came while nobody listened
		c.hear(ctx, conn, prefix)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_ = conn.Close(closing)
		cancel()
	}
}

// listenSoon connects, however long that takes, and wakes everybody now and then
// meanwhile. It returns nil when ctx ends.
func (c *core) listenSoon(ctx context.Context) (*pgx.Conn, string) {
	deaf, heard := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() { c.lookInstead(deaf) })
	defer looking.Wait()
	defer heard()
	for pause := listenPause; ; pause = min(2*pause, listenPauseUp) {
		conn, prefix, err := c.startHearing(ctx)
		if err == nil {
			return conn, prefix
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ""
		}
	}
}

func (c *core) lookInstead(ctx context.Context) {
	tick := time.NewTicker(deafLook)
	defer tick.Stop()
	for range deafLooks {
		select {
		case <-tick.C:
			c.hub.wakeAll()
		case <-ctx.Done():
			return
		}
	}
}

// startHearing opens a connection of its own: one of the pool would be missed.
// It also returns what stands before the topics of this database schema.
func (c *core) startHearing(ctx context.Context) (*pgx.Conn, string, error) {
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	config, err := pgx.ParseConfig(c.config.Database)
	if err != nil {
		return nil, "", err
	}
	config.DialFunc = dialer(listenTimeout).DialContext // silent as long as nothing happens
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, "", err
	}
	var schema string
	err = conn.QueryRow(ctx, "SELECT current_schema()").Scan(&schema)
	if err == nil {
		_, err = conn.Exec(ctx, "LISTEN "+notifyChannel)
	}
	if err != nil {
		_ = conn.Close(ctx)
		return nil, "", err
	}
	return conn, schema + "/", nil
}

// hear returns when the connection is of no use any more.
func (c *core) hear(ctx context.Context, conn *pgx.Conn, prefix string) {
	for {
		quiet, cancel := context.WithTimeout(ctx, listenAlive)
		n, err := conn.WaitForNotification(quiet)
		cancel()
		switch {
		case err == nil:
			c.heard(strings.TrimPrefix(n.Payload, prefix), strings.HasPrefix(n.Payload, prefix))
		case ctx.Err() != nil || conn.IsClosed() || !errors.Is(err, context.DeadlineExceeded) || !answers(ctx, conn):
			return
		}
	}
}

// heard wakes those who wait for a topic, unless it comes from here.
func (c *core) heard(payload string, ours bool) {
	sender, topic, found := strings.Cut(payload, "/")
	if ours && found && sender != c.id {
		c.hub.wake(topic)
	}
}

// answers tells a silent connection from a dead one, which may look the same for
// hours.
func answers(ctx context.Context, conn *pgx.Conn) bool {
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	return conn.Ping(ctx) == nil
}

// Subscribers is how many wait for topics that begin with a text, on this
// replica.
func (s *Store) Subscribers(prefix string) int {
	h := &s.core.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for topic, list := range h.waiting {
		if strings.HasPrefix(topic, prefix) {
			n += len(list)
		}
	}
	return n
}
