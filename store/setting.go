package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store/internal/tables"
)

// setting is one value that belongs to the database rather than to a server.
type setting struct {
	Name      string `gorm:"primaryKey"`
	Value     []byte
	UpdatedAt time.Time `gorm:"serializer:micros;type:bigint;autoUpdateTime:false"`
}

// Setting returns the value of that name, or ErrNotFound when it was never kept.
func (s *Store) Setting(ctx context.Context, name string) ([]byte, error) {
	var row setting
	if err := s.db.Read(ctx).Take(&row, "name = ?", name).Error; err != nil {
		return nil, fmt.Errorf("setting %s: %w", name, Translate(err))
	}
	return row.Value, nil
}

// KeepSetting keeps a value in the transaction of the change that it tells of.
func (s *Store) KeepSetting(name string, value []byte) error {
	row := setting{Name: name, Value: value, UpdatedAt: s.Now()}
	if err := s.db.Tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
		return fmt.Errorf("setting %s: %w", name, Translate(err))
	}
	return nil
}

// ForgetSetting removes a value, unless it is another one by now.
func (s *Store) ForgetSetting(name string, value []byte) error {
	if err := s.db.Tx.Delete(&setting{}, "name = ? AND value = ?", name, tables.Bytes(value)).Error; err != nil {
		return fmt.Errorf("setting %s: %w", name, Translate(err))
	}
	return nil
}

const fingerprintSetting = "secret_fingerprint"

// HasFingerprint reports whether the database belongs to some server secret.
func (s *Store) HasFingerprint(ctx context.Context) (bool, error) {
	_, err := s.Setting(ctx, fingerprintSetting)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// CheckFingerprint keeps the fingerprint of the server secret the first time
// and compares it from then on. ErrSecretMismatch means that this server must
// not start: it could neither check the stored tokens nor read what is
// encrypted.
func (s *Store) CheckFingerprint(ctx context.Context, fingerprint []byte) error {
	return s.InTx(ctx, func(tx *Store) error {
		row := setting{Name: fingerprintSetting, Value: fingerprint, UpdatedAt: tx.Now()}
		if err := tx.db.Tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return fmt.Errorf("fingerprint: %w", Translate(err))
		}
		var stored setting
		if err := tx.db.Tx.Take(&stored, "name = ?", fingerprintSetting).Error; err != nil {
			return fmt.Errorf("fingerprint: %w", Translate(err))
		}
		if !bytes.Equal(stored.Value, fingerprint) {
			return ErrSecretMismatch
		}
		return nil
	})
}
