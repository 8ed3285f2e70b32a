package feel

import (
	"fmt"
	"strings"
)

// Error says what is wrong with an expression and where. Text that does not parse has
// a position; a bound reached by an evaluation has none.
type Error struct {
	Line, Column int // from 1, in characters; 0 when the error has no position
	Offset       int // from 0, in bytes
	Message      string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// errorAt makes the error for a byte offset of src.
func errorAt(src string, offset int, message string) *Error {
	offset = min(offset, len(src))
	before := src[:offset]
	line := 1 + strings.Count(before, "\n")
	column := 1 + len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))
	return &Error{Line: line, Column: column, Offset: offset, Message: message}
}
