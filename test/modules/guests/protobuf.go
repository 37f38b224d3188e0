// require google.golang.org/protobuf v1.36.12
package main

import (
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func test() string {
	s := must(structpb.NewStruct(map[string]any{"hello": "you"}))
	b := must(proto.Marshal(s))
	var t structpb.Struct
	check(proto.Unmarshal(b, &t))
	must(protoregistry.GlobalTypes.FindMessageByName("google.protobuf.Timestamp"))
	return t.Fields["hello"].GetStringValue() + (&timestamppb.Timestamp{Seconds: 1}).AsTime().String() +
		string(must(protojson.Marshal(&timestamppb.Timestamp{Seconds: 1})))
}
