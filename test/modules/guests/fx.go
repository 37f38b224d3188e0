// require go.uber.org/fx v1.24.0
package main

import (
	"context"

	"go.uber.org/fx"
)

type name struct{ s string }

func test() (text string) {
	app := fx.New(fx.NopLogger, fx.Provide(func() *name { return &name{"you"} }),
		fx.Invoke(func(n *name, l fx.Lifecycle) {
			l.Append(fx.Hook{OnStart: func(context.Context) error { text = "hello " + n.s; return nil }})
		}))
	check(app.Start(context.Background()))
	check(app.Stop(context.Background()))
	return
}
