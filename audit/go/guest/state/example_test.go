package state_test

import (
	"encoding/json"
	"errors"
	"time"

	"goaudit/guest/state"
)

func ExampleHand() {
	var sessions map[string]int
	state.Hand(func() (data []byte, version uint32, err error) {
		data, err = json.Marshal(sessions)
		return data, 1, err
	}, func(data []byte, version uint32) error {
		if version != 1 {
			return errors.New("another form")
		}
		return json.Unmarshal(data, &sessions)
	})
}

// registry stands for one of a package that the guest shares with others.
type registry struct{ names map[string]any }

func (r *registry) Register(name string, v any) error {
	if r.names[name] != nil {
		return errors.New("twice: " + name)
	}
	r.names[name] = v
	return nil
}

func (r *registry) Unregister(name string) { delete(r.names, name) }

func ExampleOnLeave() {
	metrics := &registry{map[string]any{}}
	requests := new(int)

	// An init registers it, so the one before must have taken it back.
	if err := metrics.Register("requests", requests); err != nil {
		panic(err)
	}
	state.OnLeave(func() error { metrics.Unregister("requests"); return nil })
	state.OnReturn(func() error { return metrics.Register("requests", requests) })
}

func ExampleOnClose() {
	t := time.NewTicker(time.Second)
	stop := make(chan bool)
	go func() { // holds the guest until it ends
		for {
			select {
			case <-t.C:
			case <-stop:
				return
			}
		}
	}()
	end := func() { t.Stop(); close(stop) }
	state.OnLeave(func() error { end(); return nil })
	state.OnClose(end)
}
