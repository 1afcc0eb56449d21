package wire

import (
	"encoding/hex"
	"testing"
)

// What other builds have written must stay readable: these bytes are the protocol, as PROTOCOL.md has it.
func TestGoldenMessages(t *testing.T) {
	for name, golden := range map[string]struct {
		encode func() ([]byte, error)
		want   string
	}{
		"request": {func() ([]byte, error) { return (&requestHeader{kindRequest, 7, 300, "Put", 5}).MarshalMsg(nil) },
			"95" + "01" + "07" + "cd012c" + "a3507574" + "05"},
		"reply": {func() ([]byte, error) { return (&replyHeader{kindReply, 7, Return, 70000}).MarshalMsg(nil) },
			"94" + "02" + "07" + "a72352455455524e" + "ce00011170"},
		"segment": {func() ([]byte, error) { return (&segmentHeader{kindSegment, 7}).MarshalMsg(nil) }, "92" + "03" + "07"},
		"cancel":  {func() ([]byte, error) { return (&cancelHeader{kindCancel, 7}).MarshalMsg(nil) }, "92" + "04" + "07"},
		"offer": {func() ([]byte, error) { return (&offerHeader{kindOffer, memoryBytes}).MarshalMsg(nil) },
			"92" + "05" + "ce00050000"},
		"answer": {func() ([]byte, error) { return (&answerHeader{kindAnswer, true}).MarshalMsg(nil) }, "92" + "06" + "c3"},
		"turn":   {func() ([]byte, error) { return turnFrame, nil }, "00000002" + "91" + "07"},
		"token": {func() ([]byte, error) { return AppendToken(nil, Token{"Lock", "/s", 9, 0}), nil },
			"c70a50" + "93" + "a44c6f636b" + "a22f73" + "09"},
		"error": {func() ([]byte, error) {
			return (&errorTuple{Codes: []string{"io.eof"}, Message: "EOF", Stack: "s", Panic: true}).MarshalMsg(nil)
		}, "94" + "91" + "a6696f2e656f66" + "a3454f46" + "a173" + "c3"},
	} {
		got, err := golden.encode()
		if err != nil || hex.EncodeToString(got) != golden.want {
			t.Errorf("%s: %x, not %s, %v", name, got, golden.want, err)
		}
	}
}

func TestGoldenValues(t *testing.T) {
	type record struct {
		A int `msg:"a"`
		B []byte
	}
	goldenValue(t, -1, "ff")
	goldenValue(t, 128, "d10080")
	goldenValue(t, uint16(128), "cc80")
	goldenValue(t, []string{"x"}, "91a178")
	goldenValue(t, struct{}{}, "c0")
	goldenValue(t, record{1, []byte{2}}, "82"+"a161"+"01"+"a142"+"c40102")
	goldenValue(t, map[string]bool{"k": true}, "81a16bc3")
	goldenValue(t, [2]int8{1, -2}, "9201fe")
	goldenValue[any](t, 1.5, "cb3ff8000000000000")
}

func goldenValue[T any](t *testing.T, v T, want string) {
	t.Helper()
	got, err := codecOf[T](t).Append(nil, &v)
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("%T: %x, not %s, %v", v, got, want, err)
	}
}
