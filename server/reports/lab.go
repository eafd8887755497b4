package reports

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"

	reportsapi "github.com/slipway-lab/slipway/gen/reports"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// newLab is the result of POST /lab, the only place where the token is shown.
type newLab struct {
	ID    oid    `json:"_id"`
	Name  string `json:"name"`
	Token string `json:"token"`
}

var errNameTaken = fault.InvalidBody("/name", "is the name of a lab that exists already")

// CreateLab registers a lab, with the token that the body names or a new one.
func (h *Handler) CreateLab(ctx context.Context, _ reportsapi.CreateLabRequestObject) (reportsapi.Response, error) {
	lab, warnings, err := h.posted(ctx, document.Lab)
	if err != nil {
		return nil, err
	}
	shown := ""
	var stored *document.Document
	err = h.writer(ctx).SaveReport(ctx, labs.table, lab.Identity(), func(tx *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		if old != nil {
			return nil, errNameTaken
		}
		stored = lab.Clone()
		h.place(stored, nil)
		stored.Set("updated_on", stored.Get("created_on"))
		var id string
		if id, shown, err = h.labToken(ctx, tx, lab); err != nil {
			return nil, err
		}
		stored.Set("token", id)
		return labs.row(stored), nil
	})
	if err != nil {
		return nil, err
	}
	h.config.Tokens.Forget()
	id := stored.Text("_id")
	result := []newLab{{ID: oid{id}, Name: lab.Text("name"), Token: shown}}
	return done(outcome{Code: http.StatusCreated, Result: result, Errors: warnings}).
		with("Location", call.From(ctx).Origin.URL("/v1/lab/"+id)).with("Cache-Control", "no-store"), nil
}

// labToken binds the token that the body names to the lab, or makes one. It
// returns the token's id as clients know it, and its text as far as it is known.
func (h *Handler) labToken(ctx context.Context, tx *reportstore.Store, lab *document.Document) (id, text string, err error) {
	name := lab.Text("name")
	if given := lab.Text("token_given"); given != "" {
		t, err := h.tokenGiven(ctx, tx, given)
		if err != nil {
			return "", "", err
		}
		return tokenOID(t.ID), given, bindToken(ctx, tx, t.ID, name)
	}
	t := &store.Token{
		Kind: string(auth.LabToken), Name: name, Owner: madeForLab + name, Email: document.ContactEmail(lab), Roles: store.Strings{string(auth.Lab)},
		Flags: flagsOf(document.LabProperties()), Labs: store.Strings{name}, Tenant: tx.Tenant(), CreatedBy: auth.From(ctx).Name,
	}
	text = h.config.Tokens.Issue(t)
	if err := tx.CreateToken(ctx, t); err != nil {
		return "", "", err
	}
	return tokenOID(t.ID), text, nil
}

// madeForLab begins the owner of a token that goes with its lab.
const madeForLab = "lab/"

// tokenGiven finds the token that a body names by text or by id. It belongs to the
// tenant of the lab.
func (h *Handler) tokenGiven(ctx context.Context, s *reportstore.Store, given string) (*store.Token, error) {
	var t *store.Token
	var err error
	if id, ok := document.ParseID(given); ok {
		t, err = tokenByOID(ctx, s, id)
	} else {
		t, err = h.tokenByText(ctx, s, given)
	}
	if errors.Is(err, store.ErrNotFound) || err == nil && (isRevoked(t) || !sees(auth.From(ctx), t)) {
		return nil, fault.InvalidBody("/token", "is neither the text nor the id of a token that exists")
	}
	if err == nil && t.Tenant != s.Tenant() {
		return nil, fault.InvalidBody("/token", "is a token of another tenant than the lab")
	}
	return t, err
}

// bindToken lets a token speak for a lab.
func bindToken(ctx context.Context, tx *reportstore.Store, id, lab string) error {
	return tx.UpdateToken(ctx, id, func(t *store.Token) error {
		if !slices.Contains(t.Labs, lab) {
			t.Labs = append(t.Labs, lab)
		}
		return nil
	})
}

// releaseToken ends what a token could do for a lab. One that was made for the
// lab is revoked, unless another lab reports with it by now; any other has other
// uses, and only loses the lab.
func releaseToken(ctx context.Context, tx *reportstore.Store, oid, lab string) error {
	t, err := tokenByOID(ctx, tx, oid)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.UpdateToken(ctx, t.ID, func(t *store.Token) error {
		t.Labs = slices.DeleteFunc(t.Labs, func(name string) bool { return name == lab })
		if t.Owner == madeForLab+lab && len(t.Labs) == 0 && t.RevokedAt == nil {
			now := tx.Now()
			t.RevokedAt = &now
		}
		return nil
	})
}

// UpdateLab applies the fields that a body has. A new token takes the place of
// the old one, which expires; a new contact's address becomes the token's.
func (h *Handler) UpdateLab(ctx context.Context, req reportsapi.UpdateLabRequestObject) (reportsapi.Response, error) {
	id := req.LabID
	good, err := labs.pathID(id)
	if err != nil {
		return nil, err
	}
	changes, warnings, err := h.changes(ctx, document.Lab)
	if err != nil {
		return nil, err
	}
	reason := "Nothing to update"
	err = h.seen(ctx).UpdateReport(ctx, labs.table, good, func(tx *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		lab, err := labs.document(old)
		if err != nil {
			return nil, err
		}
		before := lab.Text("name")
		changed := lab.Apply(changes)
		again, err := h.changeLabToken(ctx, tx, lab, changes, before)
		if err != nil || !changed && !again {
			return nil, err
		}
		reason = "Lab document updated"
		lab.Set("updated_on", h.config.Now().UnixMilli())
		return labs.row(lab), nil
	})
	if errors.Is(err, store.ErrConflict) {
		return nil, errNameTaken.Because(err)
	}
	if err != nil {
		return nil, notFound(err, id)
	}
	h.config.Tokens.Forget()
	return done(outcome{Code: http.StatusOK, Reason: reason, Errors: warnings}), nil
}

// changeLabToken keeps a lab's token in step with the lab.
func (h *Handler) changeLabToken(ctx context.Context, tx *reportstore.Store, lab, changes *document.Document, before string) (changed bool, err error) {
	name := lab.Text("name")
	if given := changes.Text("token_given"); given != "" {
		t, err := h.tokenGiven(ctx, tx, given)
		if err != nil {
			return false, err
		}
		if id := tokenOID(t.ID); id != lab.Text("token") {
			if err := releaseToken(ctx, tx, lab.Text("token"), before); err != nil {
				return false, err
			}
			lab.Set("token", id)
			changed = true
		}
		if err := bindToken(ctx, tx, t.ID, name); err != nil {
			return false, err
		}
	}
	t, err := tokenByOID(ctx, tx, lab.Text("token"))
	if errors.Is(err, store.ErrNotFound) {
		return changed, nil
	}
	if err != nil {
		return false, err
	}
	return changed, tx.UpdateToken(ctx, t.ID, func(t *store.Token) error {
		for i, l := range t.Labs {
			if l == before {
				t.Labs[i] = name
			}
		}
		if t.Owner == madeForLab+before {
			t.Owner, t.Name = madeForLab+name, name
		}
		if changes.Given("contact") && changes.Get("contact") != nil {
			t.Email = document.ContactEmail(lab)
		}
		return nil
	})
}

// DeleteLab removes a lab. Its token goes with it when it was made for the lab.
func (h *Handler) DeleteLab(ctx context.Context, req reportsapi.DeleteLabRequestObject) (reportsapi.Response, error) {
	s, lab, err := h.changeable(ctx, labs, req.LabID)
	if err != nil {
		return nil, err
	}
	err = s.InTx(ctx, func(tx *reportstore.Store) error {
		n, err := tx.DeleteReports(ctx, labs.table, conditionsOf("_id", lab.Get("_id")))
		if err == nil && n == 0 { // somebody else was faster, and the token may be another lab's by now
			err = notFound(store.ErrNotFound, lab.Text("_id"))
		}
		if err != nil {
			return err
		}
		return releaseToken(ctx, tx, lab.Text("token"), lab.Text("name"))
	})
	if err != nil {
		return nil, err
	}
	h.config.Tokens.Forget()
	return done(outcome{Code: http.StatusOK, Reason: fmt.Sprintf("Resource '%s' deleted", lab.Text("_id"))}), nil
}

// tokenOID is a token's id as KernelCI's clients know ids. Ours have another
// shape; this is a digest of it, so that nothing more needs to be stored.
func tokenOID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:12])
}

// ListLabs answers a search for labs, or an aggregation of them.
func (h *Handler) ListLabs(ctx context.Context, _ reportsapi.ListLabsRequestObject) (reportsapi.Response, error) {
	return h.list(ctx, labs)
}

// GetLab answers one lab.
func (h *Handler) GetLab(ctx context.Context, req reportsapi.GetLabRequestObject) (reportsapi.Response, error) {
	return h.get(ctx, labs, req.LabID)
}
