package trigger

// Subject names what an advertisement is about: of everything that is advertised
// for a product under one subject and channel, only the newest matters. A product
// may ask that what still waits for an older advertisement is then cancelled
// (openQA calls that obsoleting).
//
// Which revision it was does not matter: advertising an older one again is the
// newer wish.
func (a Advertisement) Subject() string {
	if a.Kind == KindSnap {
		return string(a.Kind) + ":" + a.Snap.Name
	}
	return string(a.Kind)
}
