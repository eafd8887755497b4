-- +goose Up
-- What makes old deliveries and old output go.
CREATE INDEX opportunities_output ON opportunities (updated_at) WHERE output_bytes > 0;
CREATE INDEX deliveries_ended ON deliveries (created_at) WHERE next_at IS NULL;
