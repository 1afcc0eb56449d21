package wire

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // CPython up to 3.11 knows nothing else; off unless asked for
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"fmt"
	"hash"
)

// Lengths by which a message without a "{digest}" prefix is known: a legacy challenge and a legacy response.
const (
	legacyChallenge = 20
	legacyResponse  = md5.Size
)

// digest returns the hash function with CPython's name for it; nil for one that is not allowed.
func (o AuthOptions) digest(name string) func() hash.Hash {
	switch name {
	case "sha256":
		return sha256.New
	case "sha384":
		return sha512.New384
	case "sha3_256":
		return func() hash.Hash { return sha3.New256() }
	case "sha3_384":
		return func() hash.Hash { return sha3.New384() }
	case "md5":
		if o.AllowMD5 {
			return md5.New
		}
	}
	return nil
}

// splitDigest returns the name of the digest that a challenge or response begins with, and what follows it. Legacy
// messages have no name: it is "".
func splitDigest(message []byte) (name string, payload []byte, err error) {
	if len(message) == legacyChallenge || len(message) == legacyResponse {
		return "", message, nil
	}
	if rest, ok := bytes.CutPrefix(message, []byte("{")); ok {
		if name, payload, ok := bytes.Cut(rest, []byte("}")); ok {
			return string(name), payload, nil
		}
	}
	return "", nil, fmt.Errorf("%w: a message of %d bytes names no digest", ErrAuthentication, len(message))
}

// respond returns the response to a challenge's message. The code covers the digest's name too.
func (o AuthOptions) respond(message []byte) ([]byte, error) {
	if len(message) < legacyChallenge {
		return nil, fmt.Errorf("%w: a challenge of %d bytes is too short", ErrAuthentication, len(message))
	}
	name, _, err := splitDigest(message)
	switch {
	case err != nil:
		return nil, err
	case name == "" && !o.AllowMD5:
		return nil, needsMD5()
	case name == "":
		return o.code(md5.New, message), nil
	}
	digest := o.digest(name)
	if digest == nil {
		return nil, fmt.Errorf("%w: the peer asks for the digest %q", ErrAuthentication, name)
	}
	return append([]byte("{"+name+"}"), o.code(digest, message)...), nil
}

func needsMD5() error {
	return fmt.Errorf("%w: the peer knows HMAC-MD5 alone, as CPython up to 3.11 does: "+
		"update it, or set AuthOptions.AllowMD5", ErrAuthentication)
}

// verify checks the response to our challenge's message.
func (o AuthOptions) verify(message, response []byte) error {
	name, got, err := splitDigest(response)
	switch {
	case err != nil:
		return err
	case name == "" && !o.AllowMD5:
		return needsMD5()
	case name == "":
		name = "md5"
	}
	digest := o.digest(name)
	if digest == nil {
		return fmt.Errorf("%w: the peer answered with the digest %q", ErrAuthentication, name)
	}
	if !hmac.Equal(got, o.code(digest, message)) {
		return fmt.Errorf("%w: the peer has another key", ErrAuthentication)
	}
	return nil
}

func (o AuthOptions) code(digest func() hash.Hash, message []byte) []byte {
	mac := hmac.New(digest, o.Key)
	mac.Write(message)
	return mac.Sum(nil)
}
