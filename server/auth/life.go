package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Life says how long tokens live. Zero means for ever, and as Max no limit.
type Life struct {
	Person time.Duration `default:"8760h" min:"0s" help:"Life of tokens for people when none is given; 0: no end."`
	Other  time.Duration `default:"0s" min:"0s" help:"Life of tokens for runners, labs and services when none is given; 0: no end."`
	Max    time.Duration `default:"0s" min:"0s" help:"Longest life that a token may be given; 0: no limit."`
}

// End returns when a new token ends, nil for never. asked is what its maker
// wants, nil when he wants nothing in particular; never says that it shall not end.
func (l Life) End(kind TokenKind, now time.Time, asked *time.Time, never bool) (*time.Time, error) {
	switch {
	case asked != nil && !asked.After(now):
		return nil, errors.New("must lie in the future")
	case l.Max > 0 && (never || asked != nil && asked.Sub(now) > l.Max):
		return nil, fmt.Errorf("must be at most %s from now", l.Max)
	case asked != nil || never:
		return asked, nil
	}
	life := l.Other
	if kind == PersonToken {
		life = l.Person
	}
	if l.Max > 0 && (life == 0 || life > l.Max) {
		life = l.Max
	}
	if life == 0 {
		return nil, nil
	}
	end := now.Add(life)
	return &end, nil
}

// ParseNetworks reads the networks and single addresses that a token may be
// used from, and writes them the one way in which they are stored.
func ParseNetworks(texts []string) ([]string, error) {
	var out []string
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil || a.Zone() != "" {
				return nil, fmt.Errorf("network %.64q must be like 10.0.0.0/8 or 192.0.2.7", text)
			}
			a = a.Unmap()
			p = netip.PrefixFrom(a, a.BitLen())
		}
		out = append(out, unmapped(p).Masked().String())
	}
	return out, nil
}

// unmapped is the network of IPv4 that ::ffff:a.b.c.d/n means, or any other as it is:
// clients are compared by their plain addresses.
func unmapped(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p
}

// KindFor is the kind of a token with these roles when nobody says another.
func KindFor(roles []Role) TokenKind {
	i := Identity{Roles: roles}
	switch {
	case i.Is(Lab):
		return LabToken
	case i.Is(Runner):
		return RunnerToken
	}
	return PersonToken
}
