package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

func init() { registerModels(&setting{}) }

// setting is one value that belongs to the database rather than to a server.
type setting struct {
	Name      string `gorm:"primaryKey"`
	Value     []byte
	UpdatedAt time.Time `gorm:"serializer:micros;type:bigint;autoUpdateTime:false"`
}

const fingerprintSetting = "secret_fingerprint"

// CheckFingerprint keeps the fingerprint of the server secret the first time
// and compares it from then on. ErrSecretMismatch means that this server must
// not start: it could neither check the stored tokens nor read what is
// encrypted.
func (s *Store) CheckFingerprint(ctx context.Context, fingerprint []byte) error {
	return s.InTx(ctx, func(tx *Store) error {
		row := setting{Name: fingerprintSetting, Value: fingerprint, UpdatedAt: tx.Now()}
		if err := tx.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return fmt.Errorf("fingerprint: %w", translate(err))
		}
		var stored setting
		if err := tx.db.Take(&stored, "name = ?", fingerprintSetting).Error; err != nil {
			return fmt.Errorf("fingerprint: %w", translate(err))
		}
		if !bytes.Equal(stored.Value, fingerprint) {
			return ErrSecretMismatch
		}
		return nil
	})
}
