package dbtest

import (
	"os"
	"path/filepath"
)

// Log is what the server has written to its log.
func (s *Server) Log() ([]byte, error) { return os.ReadFile(filepath.Join(s.dir, "log")) }
