package pool

import (
	"errors"
	"fmt"

	"github.com/multiproc-go/multiproc/wire"
)

// messageRoom is what a message of a hosted pool may hold, in bytes, besides one argument or result: the function's name,
// numbers and heads.
const messageRoom = 4 << 10

// largestPayload is how large an argument or result may be, for it to fit in a message with a limit.
func largestPayload(message int64) int64 { return max(1, message-messageRoom) }

// fit makes an outcome one that can be told in a message with the limit: what is too large for that becomes an error, and
// an error becomes a shorter one.
func fit(function string, o outcome, message int64) outcome {
	most := largestPayload(message)
	var again *RetryError
	if errors.As(o.err, &again) {
		o.err = again.Err
		o.err = withAttempts(again.Attempts, fit(function, o, message).err)
		return o
	}
	var lost *WorkerLostError
	switch {
	case o.err == nil && int64(len(o.value)) > most:
		return outcome{kind: Failed, err: fmt.Errorf("%w: %s: the result is %d bytes, and a message to this client may have %d",
			ErrTaskTooLarge, function, len(o.value), message)}
	case o.err == nil:
	case errors.As(o.err, &lost):
		if each := int(most / 4); len(lost.Crash) > each || len(lost.Stderr) > each || len(lost.Cause) > each {
			short := *lost
			short.Crash, short.Cause = short.Crash[:min(each, len(short.Crash))], short.Cause[:min(each, len(short.Cause))]
			short.Stderr = short.Stderr[max(0, len(short.Stderr)-each):]
			o.err = &short
		}
	case int64(len(wire.AppendError(nil, o.err))) > most:
		o.err = shortened(o.err, int(most/4))
	}
	return o
}

// shortened keeps the first bytes of an error's text and of its stack.
func shortened(err error, each int) error {
	remote, failure := wire.DecodeError(wire.AppendError(nil, err))
	if failure != nil {
		return failure
	}
	remote.Message = remote.Message[:min(each, len(remote.Message))]
	remote.Stack = remote.Stack[:min(each, len(remote.Stack))]
	if errors.As(err, new(*RemoteError)) {
		return remote
	}
	return &hostError{remote}
}
