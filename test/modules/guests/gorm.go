// require gorm.io/gorm v1.31.2
// require gorm.io/driver/sqlite v1.6.0
package main

import (
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
)

type User struct {
	gorm.Model
	Name string
}

func test() string {
	db := must(gorm.Open(sqlite.Open(":memory:"), &gorm.Config{}))
	defer must(db.DB()).Close()
	must(db.DB()).SetMaxOpenConns(1)
	check(db.AutoMigrate(&User{}))
	check(db.Create(&User{Name: "you"}).Error)
	var u User
	check(db.Where("name = ?", "you").First(&u).Error)
	return "hello " + u.Name
}
