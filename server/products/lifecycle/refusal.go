package lifecycle

// A Refusal is a conflict between what is asked and where the opportunity stands.
// Its code is the id of the error document, its message is meant for the client.
type Refusal struct {
	Code    Code
	Message string
}

func (r *Refusal) Error() string { return r.Message }

// Code is the stable slug of a refusal. All are answered with 409.
type Code string

// The codes of the SPI contract, section 3.
const (
	LeaseLost     Code = "lease-lost"
	AlreadyPosted Code = "already-posted"
	AlreadyFinal  Code = "already-final"
	NotFinal      Code = "not-final"
	NotPicked     Code = "not-picked"
	NotQueued     Code = "conflict"
)

func (o Opportunity) alreadyFinal() error {
	return &Refusal{AlreadyFinal, "the test opportunity is final: " + string(o.State)}
}

func leaseLost(why string) error {
	return &Refusal{LeaseLost, "the lease is lost: " + why}
}
