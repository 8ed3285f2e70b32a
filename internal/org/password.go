package org

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/paceline/paceline/internal/errs"
)

// Bounds of a new password.
const (
	MinPassword = 12  // characters
	MaxPassword = 256 // characters
)

// PasswordConfig is what hashing a password costs (argon2id, RFC 9106). At most
// Parallel hashes are made at once, so that sign-ins can take no more than
// Parallel x Memory.
type PasswordConfig struct {
	Memory   uint32 `yaml:"memory"` // KiB
	Time     uint32 `yaml:"time"`   // passes
	Threads  uint8  `yaml:"threads"`
	Parallel int    `yaml:"parallel"` // hashes at once
}

func (c PasswordConfig) withDefaults() PasswordConfig {
	if c.Memory == 0 {
		c.Memory = 19 * 1024
	}
	if c.Time == 0 {
		c.Time = 2
	}
	if c.Threads == 0 {
		c.Threads = 1
	}
	if c.Parallel == 0 {
		c.Parallel = 2
	}
	return c
}

const (
	saltBytes = 16
	keyBytes  = 32
	hashWait  = 10 * time.Second // in the queue for a turn
)

// hasher makes and checks password hashes in the PHC string format.
type hasher struct {
	cfg   PasswordConfig
	turns chan struct{}
	dummy string // checked when there is no such user, so that the answer takes as long
}

func newHasher(cfg PasswordConfig) *hasher {
	cfg = cfg.withDefaults()
	h := &hasher{cfg: cfg, turns: make(chan struct{}, cfg.Parallel)}
	h.dummy = phc{memory: cfg.Memory, time: cfg.Time, threads: cfg.Threads, salt: make([]byte, saltBytes), key: make([]byte, keyBytes)}.String()
	return h
}

// hash makes the PHC string for a new password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	p := phc{memory: h.cfg.Memory, time: h.cfg.Time, threads: h.cfg.Threads, salt: make([]byte, saltBytes)}
	rand.Read(p.salt)
	key, err := h.key(ctx, password, p, keyBytes)
	if err != nil {
		return "", err
	}
	p.key = key
	return p.String(), nil
}

// check compares a password with a stored PHC string, always at the full cost. An
// empty string stands for no such user: it costs the same and never matches. stale
// says that the hash was made with other parameters than the present ones.
func (h *hasher) check(ctx context.Context, password, stored string) (match, stale bool, err error) {
	known := stored != ""
	if !known {
		stored = h.dummy
	}
	if len(password) > utf8.UTFMax*MaxPassword { // no password is; and the text is not worth normalising
		known, password = false, ""
	}
	p, err := parsePHC(stored)
	if err != nil {
		return false, false, err
	}
	key, err := h.key(ctx, password, p, uint32(len(p.key)))
	if err != nil {
		return false, false, err
	}
	match = subtle.ConstantTimeCompare(key, p.key) == 1 && known
	stale = p.memory != h.cfg.Memory || p.time != h.cfg.Time || p.threads != h.cfg.Threads
	return match, stale, nil
}

// key runs argon2id when a turn is free. Text is normalised (RFC 8265, OpaqueString),
// because two keyboards may send one password in two forms.
func (h *hasher) key(ctx context.Context, password string, p phc, size uint32) ([]byte, error) {
	patience := time.NewTimer(hashWait)
	defer patience.Stop()
	select {
	case h.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-patience.C:
		return nil, errs.New(errs.Exhausted, "too many people are signing in at this moment").RetryAfter(hashWait)
	}
	defer func() { <-h.turns }()
	return argon2.IDKey([]byte(norm.NFC.String(password)), p.salt, p.time, p.memory, p.threads, size), nil
}

// phc is a password hash in the PHC string format:
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<key>     (base64 without padding)
type phc struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

func (p phc) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads, b64(p.salt), b64(p.key))
}

// parsePHC reads a stored hash. Its costs are bounded: a row written by another hand
// must not take the machine's memory.
func parsePHC(s string) (p phc, err error) {
	var version int
	f := strings.Split(s, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" {
		return p, fmt.Errorf("a stored password hash is not argon2id in the PHC format")
	}
	if _, err = fmt.Sscanf(f[2], "v=%d", &version); err != nil || version != argon2.Version {
		return p, fmt.Errorf("a stored password hash has an unknown version %q", f[2])
	}
	if _, err = fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil {
		return p, fmt.Errorf("a stored password hash has unreadable costs %q: %w", f[3], err)
	}
	if p.memory > 1<<18 || p.time == 0 || p.time > 16 || p.threads == 0 || p.threads > 16 {
		return p, fmt.Errorf("a stored password hash has costs out of bounds: %q", f[3])
	}
	if p.salt, err = base64.RawStdEncoding.DecodeString(f[4]); err != nil {
		return p, fmt.Errorf("a stored password hash has an unreadable salt: %w", err)
	}
	if p.key, err = base64.RawStdEncoding.DecodeString(f[5]); err != nil || len(p.key) < 16 || len(p.key) > 64 {
		return p, fmt.Errorf("a stored password hash has an unreadable key")
	}
	return p, nil
}

// checkNewPassword says what is wrong with a password that somebody wants to use.
func checkNewPassword(login, password string) error {
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return badPassword("utf8", "the password is not valid UTF-8")
	case n < MinPassword:
		return badPassword("min", fmt.Sprintf("the password has %d characters; at least %d are needed", n, MinPassword))
	case n > MaxPassword:
		return badPassword("max", fmt.Sprintf("the password has %d characters; at most %d are taken", n, MaxPassword))
	case strings.EqualFold(strings.TrimRight(password, "0123456789!"), login):
		return badPassword("guessable", "the password is the sign-in name")
	case repeats(password):
		return badPassword("guessable", "the password repeats a few characters")
	case slices.Contains(common, strings.ToLower(password)):
		return badPassword("guessable", "the password is one of the first that anybody would guess")
	}
	return nil
}

// repeats says whether the text is a block of at most four bytes over and over.
func repeats(s string) bool {
	for n := 1; n <= 4; n++ {
		if strings.HasPrefix(strings.Repeat(s[:n], len(s)/n+1), s) {
			return true
		}
	}
	return false
}

// common are passwords of at least MinPassword characters that head the lists of
// leaked ones and that no other rule refuses.
var common = []string{
	"123456789012", "1234567890123", "12345678901234", "123456789abc", "123456789qwerty", "1234567890qwerty", "0123456789012",
	"1q2w3e4r5t6y", "1q2w3e4r5t6y7u", "1q2w3e4r5t6y7u8i", "1qaz2wsx3edc", "1qaz2wsx3edc4rfv", "1qazxsw23edc", "zaq12wsxcde3", "q1w2e3r4t5y6",
	"qwertyuiop12", "qwertyuiop123", "qwertyuiop[]", "qwerty123456", "qwertyqwerty", "qwerty1234567", "qwertyasdfgh", "asdfghjkl123", "qweasdzxc123", "123qweasdzxc",
	"abcdefghijkl", "abcdefghijklm", "abcd12345678", "abc123456789", "abcdef123456", "a1b2c3d4e5f6", "aa123456789", "a12345678901",
	"password1234", "password12345", "password123456", "password123!", "passwordpassword", "p@ssw0rd1234", "passw0rd1234", "mypassword123",
	"administrator", "adminadmin12", "admin1234567", "admin12345678", "adminpassword", "changeme1234", "changeme12345", "welcome12345", "welcome123456",
	"letmein12345", "letmeinletmein", "iloveyou1234", "iloveyou12345", "iloveyouforever", "sunshine1234", "princess1234", "football1234", "baseball1234",
	"superman1234", "superman123456", "michael12345", "charlie12345", "dragon123456", "monkey123456", "master123456", "shadow123456",
	"111222333444", "112233445566", "123321123321", "987654321012", "098765432109", "147258369147", "159357159357", "paceline1234", "correcthorsebatterystaple",
}

func badPassword(rule, message string) error {
	return errs.New(errs.Invalid, "this password cannot be used").
		WithDetails(errs.Detail{Place: "password", Rule: rule, Message: message}).
		WithCure("choose at least %d characters, such as four words that do not belong together", MinPassword)
}

// randomPassword has 128 bits or more and is easy to read aloud.
func randomPassword() string {
	s := strings.ToLower(rand.Text())
	return s[:5] + "-" + s[5:10] + "-" + s[10:15] + "-" + s[15:20] + "-" + s[20:]
}
