package agent

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// clockTick is the unit of times in /proc, which Linux holds at a hundredth of a second.
const clockTick = time.Second / 100

// figures reads what a process uses, from proc(5); nothing of one that is gone.
func figures(pid int) (f Figures, ok bool) {
	dir := "/proc/" + strconv.Itoa(pid)
	text, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return f, false
	}
	_, rest, ok := bytes.Cut(text, []byte(") ")) // the name, in brackets, may hold anything
	fields := bytes.Fields(rest)
	if !ok || len(fields) < 22 {
		return f, false
	}
	number := func(i int) int64 { // as proc(5) counts, from 1; the state is field 3
		n, _ := strconv.ParseInt(string(fields[i-3]), 10, 64)
		return n
	}
	f.CPU = time.Duration(number(14)+number(15)) * clockTick
	f.Threads = int(number(20))
	f.Memory = number(24) * int64(os.Getpagesize())
	if files, err := os.ReadDir(dir + "/fd"); err == nil {
		f.Files = len(files)
	}
	return f, true
}
