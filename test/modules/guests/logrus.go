// require github.com/sirupsen/logrus v1.10.2
package main

import (
	"bytes"

	"github.com/sirupsen/logrus"
)

func test() string {
	var out bytes.Buffer
	log := logrus.New()
	log.SetOutput(&out)
	log.SetFormatter(&logrus.JSONFormatter{DisableTimestamp: true})
	log.WithField("name", "you").Info("hello")
	return out.String()
}
