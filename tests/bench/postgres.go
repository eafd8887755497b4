package main

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// emptyPostgres removes all that an earlier run has left in the database.
func emptyPostgres(ctx context.Context, url string) error {
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	_, err = db.Exec(ctx, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
	return err
}
