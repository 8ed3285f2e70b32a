package agent

import "time"

// Figures are what a process uses.
type Figures struct {
	Memory  int64         `json:"memory"` // bytes in RAM
	CPU     time.Duration `json:"cpu"`    // of the processors, since it started; nanoseconds
	Threads int           `json:"threads"`
	Files   int           `json:"files"` // open, sockets included
}
