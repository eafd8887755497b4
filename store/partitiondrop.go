package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// droppedMark is the comment of a partition that is being removed.
const droppedMark = "slipway: to be dropped"

// dropTime is how long the removal of a partition waits for those who still read it.
const dropTime = 10 * time.Minute

// DropPartition removes a partition with all its rows, and those of the tables that go
// with it, and gives its space back to the file system. Nobody is held up: it waits
// until those who began to read before have ended. It is not part of a transaction;
// who removes it says first, durably, what becomes of those whose rows it has. One that
// is interrupted is ended by the next MakePartitions.
//
// ErrConflict: rows may still come into it, or another server removes one just now.
func (s *Store) DropPartition(ctx context.Context, part Partition) error {
	p, err := partitionedTable(part.Table)
	if err != nil {
		return err
	}
	if !s.db.Postgres || part.To.After(s.Now()) {
		return fmt.Errorf("partition %s is in use: %w", part.Name, ErrConflict)
	}
	return s.dropping(ctx, p, func(conn *sql.Conn) error {
		if err := s.finishDrops(ctx, conn, p); err != nil {
			return err
		}
		// The table itself goes last, so that it is listed until all is gone.
		for i := len(p.with); i >= 0; i-- {
			table := p.table
			if i > 0 {
				table = p.with[i-1]
			}
			list, err := s.partitions(ctx, p, table)
			if err != nil {
				return err
			}
			if j := sameBounds(list, &part); j >= 0 {
				if err := dropPartition(ctx, conn, table, list[j].Name); err != nil {
					return fmt.Errorf("drop partition %s: %w", list[j].Name, Translate(err))
				}
			}
		}
		s.core.partitions.forget()
		return nil
	})
}

// dropping runs drop with a session that has time, while no other server drops
// partitions of the table.
func (s *Store) dropping(ctx context.Context, p *partitioned, drop func(conn *sql.Conn) error) error {
	if err := s.core.enter(); err != nil {
		return err
	}
	defer s.core.inside.Done()
	conn, err := sqlDB(s.core.session).Conn(ctx)
	if err != nil {
		return fmt.Errorf("drop partitions: %w", Translate(err))
	}
	defer conn.Close()
	if w := wireOf(conn); w != nil {
		w.setLimit(dropTime)
		defer w.setLimit(s.core.config.StatementTimeout)
	}
	key := "hashtextextended(current_schema() || '/drop/' || $1, 0)"
	var mine bool
	if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock("+key+")", p.table).Scan(&mine); err != nil {
		return fmt.Errorf("drop partitions: %w", Translate(err))
	}
	if !mine {
		return fmt.Errorf("another server drops partitions of %s: %w", p.table, ErrConflict)
	}
	_, err = conn.ExecContext(ctx, fmt.Sprintf("SET statement_timeout = %d", dropTime.Milliseconds()))
	if err == nil {
		err = drop(conn)
	}
	ctx = context.WithoutCancel(ctx)
	_, err2 := conn.ExecContext(ctx, "RESET statement_timeout")
	_, err3 := conn.ExecContext(ctx, "SELECT pg_advisory_unlock("+key+")", p.table)
	return errors.Join(err, Translate(err2), Translate(err3))
}

func dropPartition(ctx context.Context, conn *sql.Conn, table, name string) error {
	for _, statement := range []string{
		fmt.Sprintf("COMMENT ON TABLE %s IS '%s'", name, droppedMark),
		fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s CONCURRENTLY", table, name),
		"DROP TABLE " + name,
	} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// endDrops ends removals that were interrupted, unless another server is removing.
func (s *Store) endDrops(ctx context.Context, p *partitioned) error {
	err := s.dropping(ctx, p, func(conn *sql.Conn) error { return s.finishDrops(ctx, conn, p) })
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}

// droppedSQL finds partitions whose detaching was interrupted, and tables that were
// partitions and are to go.
const droppedSQL = `SELECT c.relname, i.inhrelid IS NOT NULL
	FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = $1::regclass
	WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND starts_with(c.relname, $2)
		AND obj_description(c.oid, 'pg_class') = $3 AND (i.inhdetachpending OR NOT c.relispartition)`

func (s *Store) finishDrops(ctx context.Context, conn *sql.Conn, p *partitioned) error {
	for _, table := range append([]string{p.table}, p.with...) {
		statements, err := unfinishedDrops(ctx, conn, table)
		if err != nil {
			return fmt.Errorf("dropped partitions of %s: %w", table, Translate(err))
		}
		for _, statement := range statements {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, Translate(err))
			}
		}
	}
	return nil
}

// unfinishedDrops are the statements that end what was begun with a table's partitions.
func unfinishedDrops(ctx context.Context, conn *sql.Conn, table string) ([]string, error) {
	rows, err := conn.QueryContext(ctx, droppedSQL, table, table+"_", droppedMark)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var statements []string
	for rows.Next() {
		var name string
		var pending bool
		if err := rows.Scan(&name, &pending); err != nil {
			return nil, err
		}
		if pending {
			statements = append(statements, fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s FINALIZE", table, name))
		}
		statements = append(statements, "DROP TABLE "+name)
	}
	return statements, rows.Err()
}
