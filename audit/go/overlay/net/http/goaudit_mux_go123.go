//go:build go1.23

package http

func (n *routingNode) goauditMulti() *routingNode { return n.multiChild }
