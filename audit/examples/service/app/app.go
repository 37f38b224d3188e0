// Package app is what lasts: server and handlers share it, so there is one of each of its
// variables and types, and its inits run once.
package app

import (
	"database/sql"
	"errors"

	_ "github.com/mattn/go-sqlite3"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Log is configured by the server.
var Log = zap.NewNop()

// DB is the service's database.
var DB *sql.DB

// Start opens what the handlers use.
func Start(database string, level zapcore.Level) (err error) {
	config := zap.NewProductionConfig()
	config.Level = zap.NewAtomicLevelAt(level)
	if Log, err = config.Build(); err != nil {
		return err
	}
	if DB, err = sql.Open("sqlite3", database); err != nil {
		return err
	}
	DB.SetMaxOpenConns(1) // one database, also where it is :memory:
	_, err = DB.Exec(`create table if not exists greeting (text text);
		insert into greeting select 'hello' where not exists (select * from greeting)`)
	return err
}

// Counter registers a metric, or gives the one that is there: a new build of the handlers
// counts on where the last one has stopped.
func Counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	if err := prometheus.Register(c); err != nil {
		var there prometheus.AlreadyRegisteredError
		if !errors.As(err, &there) {
			panic(err)
		}
		return there.ExistingCollector.(*prometheus.CounterVec)
	}
	return c
}
