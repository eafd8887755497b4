package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// notifyChannel carries the topics between the replicas on one PostgreSQL. A
// payload has the schema in front, because channels belong to the database.
const notifyChannel = "slipway"

// hub wakes those who wait for something to change. A wake-up is a hint and
// never the only way: who waits also looks now and then.
type hub struct {
	mu      sync.Mutex
	waiting map[string]map[chan struct{}]struct{}

	listen sync.Once
	stop   context.CancelFunc // ends the listener; nil while there is none
	ended  chan struct{}
}

// Notify wakes the subscribers of a topic, on every replica, when the
// transaction is durable.
func (s *Store) Notify(topic string) {
	if s.tx == nil || !s.tx.notify(topic) {
		return
	}
	s.AfterCommit(func() { s.core.hub.wake(topic) })
}

// Wake wakes the subscribers of a topic on this replica at once; those of the
// others look soon.
func (s *Store) Wake(topic string) { s.core.hub.wake(topic) }

// notify reports whether the topic is new to the transaction.
func (t *txState) notify(topic string) bool {
	for _, known := range t.topics {
		if known == topic {
			return false
		}
	}
	t.topics = append(t.topics, topic)
	return true
}

// sendTopics tells the other replicas; PostgreSQL delivers with the commit.
func (s *Store) sendTopics() error {
	for _, topic := range s.tx.topics {
		if _, err := s.exec("SELECT pg_notify($1, current_schema() || '/' || $2::text)", notifyChannel, topic); err != nil {
			return translate(err)
		}
	}
	return nil
}

// Subscribe returns a channel that receives after a topic was notified, and a
// function that ends it. Several notifications may become one. Look for what
// you wait for after subscribing and before waiting.
func (s *Store) Subscribe(topic string) (wake <-chan struct{}, stop func()) {
	h := &s.core.hub
	if s.onPostgres() {
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
	c.hub.listen.Do(func() {}) // nobody may start any more
	c.hub.mu.Lock()
	stop, ended := c.hub.stop, c.hub.ended
	c.hub.mu.Unlock()
	if stop != nil {
		stop()
		<-ended
	}
}

// listenPause is how long a listener whose connection broke waits.
const listenPause = time.Second

func (c *core) listen(ctx context.Context) {
	defer close(c.hub.ended)
	for ctx.Err() == nil {
		if err := c.listenOnce(ctx); errors.Is(err, context.Canceled) {
			return
		}
		select {
		case <-time.After(listenPause):
		case <-ctx.Done():
		}
	}
}

// listenOnce holds a connection of its own: one of the pool would be missed.
func (c *core) listenOnce(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.config.Database)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var schema string
	if err := conn.QueryRow(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+notifyChannel); err != nil {
		return err
	}
	c.hub.wakeAll()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		if topic, ours := strings.CutPrefix(n.Payload, schema+"/"); ours {
			c.hub.wake(topic)
		}
	}
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
