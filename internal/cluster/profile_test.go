package cluster

import (
	"testing"
	"time"
)

func TestProfilesAreSafe(t *testing.T) {
	for name, p := range map[string]Profile{"fast": Fast, "calm": Calm, "alone": Alone, "quick": quick} {
		must(t, p.check())
		for what, change := range map[string]func(*Profile){
			"trusted as long as it lasts": func(p *Profile) { p.SelfFence = p.TTL },
			"renewed too seldom":          func(p *Profile) { p.Renew = p.SelfFence / 2 },
			"no time":                     func(p *Profile) { p.Poll = 0 },
		} {
			bad := p
			change(&bad)
			if bad.check() == nil {
				t.Errorf("%s: %s: it is taken", name, what)
			}
		}
	}
}

func TestPaceFollowsTheDatabase(t *testing.T) {
	p := pace{fast: Fast, calm: Calm}
	now := time.Unix(1000, 0)
	run := func(d time.Duration, took ...time.Duration) (changed time.Duration) {
		was := p.profile()
		for i, begin := 0, now; now.Sub(begin) < d; i++ {
			now = now.Add(p.profile().Renew)
			p.note(now, took[i%len(took)])
			if p.profile() != was {
				return now.Sub(begin)
			}
		}
		return 0
	}
	const quickly, slowly = 3 * time.Millisecond, 300 * time.Millisecond
	if at := run(5*time.Minute, quickly); at != 0 {
		t.Errorf("calm after %v of quick renewals", at)
	}
	p.note(now, slowly)
	if at := run(2*time.Minute, quickly); at != 0 {
		t.Errorf("calm after %v because of one slow renewal", at)
	}
	p = pace{fast: Fast, calm: Calm}
	if at := run(5*time.Minute, quickly, quickly, slowly); at < time.Minute || at > time.Minute+time.Second {
		t.Errorf("calm after %v of slow renewals", at)
	}
	if at := run(20*time.Minute, quickly); at < 10*time.Minute || at > 12*time.Minute {
		t.Errorf("fast again after %v of quick renewals", at)
	}
	if at := run(30*time.Second, slowly); at != 0 {
		t.Errorf("calm again after %v", at)
	}
}
