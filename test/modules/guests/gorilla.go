// require github.com/gorilla/mux v1.8.1
// require github.com/gorilla/websocket v1.5.3
package main

import (
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gorilla/mux"
	"github.com/gorilla/websocket"
)

func test() string {
	up := websocket.Upgrader{}
	r := mux.NewRouter()
	r.HandleFunc("/ws/{name}", func(w http.ResponseWriter, r *http.Request) {
		c := must(up.Upgrade(w, r, nil))
		defer c.Close()
		kind, text, err := c.ReadMessage()
		check(err)
		check(c.WriteMessage(kind, []byte(mux.Vars(r)["name"]+" says "+string(text))))
	})
	s := httptest.NewServer(r)
	defer s.Close()
	c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL, "http")+"/ws/you", nil)
	check(err)
	defer c.Close()
	check(c.WriteMessage(websocket.TextMessage, []byte("hello")))
	_, text, err := c.ReadMessage()
	check(err)
	return string(text)
}
