//go:build !(go1.26 && linux && amd64 && cgo)

package guest

import (
	"errors"
	"fmt"
	"time"
)

// The same as in guest.go, for where no guest can be opened: programs build there, and are
// vetted and tested, and Open says what is missing.

type Symbol any

type Guest struct{ path string }

var errMissing = errors.New("guests want Go 1.26 on Linux, x86-64, with cgo: " +
	"build the program by goaudit build -exe")

func Open(path string) (*Guest, error) { return nil, fmt.Errorf("%s: %w", path, errMissing) }

func (g *Guest) Path() string { return g.path }

func (g *Guest) Lookup(name string) (Symbol, error) {
	return nil, fmt.Errorf("%s: %w", name, errMissing)
}

func (g *Guest) Reload() error { return errMissing }

func (g *Guest) Close() error { return errMissing }

type Bound[T any] struct{ name string }

func Bind[T any](g *Guest, name string) (*Bound[T], error) {
	return nil, fmt.Errorf("%s: %w", name, errMissing)
}

func (b *Bound[T]) Get() T { panic(fmt.Errorf("%s: %w", b.name, errMissing)) }

func Reclaim(timeout time.Duration) int { return 0 }
