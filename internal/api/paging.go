package api

import "github.com/paceline/paceline/internal/org"

// PageInput is what every list takes.
type PageInput struct {
	After string `query:"after" maxLength:"200" doc:"The next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"200" doc:"How many at most; 50 when left out."`
}

func (p PageInput) page() org.Page { return org.Page{After: p.After, Limit: p.Limit} }

// page is an answer that is part of a list.
type page[T any] struct {
	Body Page[T]
}

// Page is part of a list, in a stable order.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Pass it as after to get the following items; absent at the end."`
}

func paged[T any](items []T, next string, err error) (*page[T], error) {
	if err != nil {
		return nil, err
	}
	return &page[T]{Page[T]{Items: listOf(items), Next: next}}, nil
}

// listOf makes sure that an empty list is [] in JSON.
func listOf[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
