package command

import (
	"os"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/spool"
)

// inlineLimit is how many bytes of one stream are kept in memory and carried in
// the report.
const inlineLimit = 64 << 10

// A capture is the writer that takes one stream of a command. It is for one
// goroutine at a time.
type capture struct {
	overflow spool.Handle
	inline   []byte
	file     *os.File // open once inline would exceed its limit, and then has everything
	size     int64
	err      error // why the output could not be kept
}

func (c *capture) Write(p []byte) (int, error) {
	if c.file == nil && len(c.inline)+len(p) <= inlineLimit {
		c.inline = append(c.inline, p...)
		c.size += int64(len(p))
		return len(p), nil
	}
	if c.err == nil {
		c.err = c.spill(p)
	}
	if c.err != nil {
		return 0, c.err
	}
	return len(p), nil
}

func (c *capture) spill(p []byte) error {
	if c.file == nil {
		file, err := c.overflow.Open()
		if err != nil {
			return err
		}
		c.file = file
		if _, err := file.Write(c.inline); err != nil {
			return spool.Explain(err)
		}
		c.inline = nil
	}
	n, err := c.file.Write(p)
	c.size += int64(n)
	return spool.Explain(err)
}

// finish closes the file and returns what was captured.
func (c *capture) finish() Output {
	if c.file != nil {
		c.file.Close()
	}
	return Output{Inline: c.inline, Spooled: c.file != nil, Size: c.size}
}
