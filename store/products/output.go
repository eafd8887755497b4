package products

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
)

// outputPiece is a part of the console output of an opportunity.
type outputPiece struct {
	OpportunityID uuid.UUID `gorm:"type:text;primaryKey"`
	Start         int64     `gorm:"primaryKey;autoIncrement:false"`
	Bytes         []byte
}

// TableName tells GORM the table.
func (outputPiece) TableName() string { return "output_pieces" }

// AppendOutput adds bytes to the end of the output of a locked opportunity.
func (s *Store) AppendOutput(o *Opportunity, piece []byte) error {
	if len(piece) == 0 {
		return nil
	}
	if err := s.db.Tx.Create(&outputPiece{o.ID, o.OutputBytes, piece}).Error; err != nil {
		return fmt.Errorf("output of opportunity %s: %w", o.ID, store.Translate(err))
	}
	o.OutputBytes += int64(len(piece))
	if err := s.db.Tx.Model(&Opportunity{}).Where("id = ?", o.ID).Update("output_bytes", o.OutputBytes).Error; err != nil {
		return fmt.Errorf("output of opportunity %s: %w", o.ID, store.Translate(err))
	}
	return nil
}

// ReadOutput calls write with the output of an opportunity from an offset on, a
// piece at a time.
func (s *Store) ReadOutput(ctx context.Context, id uuid.UUID, offset int64, write func([]byte) error) error {
	for {
		var p outputPiece
		err := store.Translate(s.db.Read(ctx).Order("start DESC").Take(&p, "opportunity_id = ? AND start <= ?", id, offset).Error)
		if isNotFound(err) || err == nil && offset-p.Start >= int64(len(p.Bytes)) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("output of opportunity %s: %w", id, err)
		}
		part := p.Bytes[offset-p.Start:]
		if err := write(part); err != nil {
			return err
		}
		offset += int64(len(part))
	}
}
