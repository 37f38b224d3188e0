// require go.uber.org/zap v1.28.0
package main

import (
	"bytes"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func test() string {
	var out bytes.Buffer
	config := zap.NewProductionEncoderConfig()
	config.TimeKey = ""
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(config), zapcore.AddSync(&out), zap.InfoLevel))
	log.Info("hello", zap.String("name", "you"), zap.Ints("n", []int{1, 2}))
	check(log.Sync())
	return out.String()
}
