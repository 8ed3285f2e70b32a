package db

import (
	"context"
	"database/sql/driver"
	"fmt"
)

// session prepares each new connection with statements, before anybody uses it.
type session struct {
	driver.Connector
	texts []string
}

func (s *session) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, text := range s.texts {
		if _, err = conn.(driver.ExecerContext).ExecContext(ctx, text, nil); err != nil {
			conn.Close()
			return nil, fmt.Errorf("%w in %q", err, text)
		}
	}
	return conn, nil
}
