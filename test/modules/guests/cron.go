// require github.com/robfig/cron/v3 v3.0.1
package main

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
)

func test() string {
	c := cron.New(cron.WithSeconds(), cron.WithLocation(time.UTC))
	must(c.AddFunc("0 0 12 * * *", func() {}))
	c.Start()
	next := must(cron.ParseStandard("@daily")).Next(time.Date(2020, 1, 1, 1, 0, 0, 0, time.UTC))
	<-c.Stop().Done()
	return fmt.Sprint(next)
}
