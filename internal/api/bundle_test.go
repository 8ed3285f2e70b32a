package api_test

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"
)

// withFile is a zip with one more file in it.
func withFile(t *testing.T, zipped []byte, name, text string) []byte {
	t.Helper()
	old, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	must(t, err)
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range old.File {
		must(t, z.Copy(f))
	}
	w, err := z.Create(name)
	must(t, err)
	_, err = io.WriteString(w, text)
	must(t, err)
	must(t, z.Close())
	return out.Bytes()
}

// bundle makes the zip of an app from its files.
func bundle(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range files {
		w, err := z.Create(name)
		must(t, err)
		_, err = io.WriteString(w, text)
		must(t, err)
	}
	must(t, z.Close())
	return out.Bytes()
}

// clockwork is an app whose process is started by the clock, and waits for staff.
var clockwork = map[string]string{
	"app.yaml": "id: clockwork\nname: Clockwork\ntickets: []\n",
	"processes/tick.bpmn": `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" id="d" targetNamespace="test">
  <process id="tick" name="Wind the clock" isExecutable="true">
    <startEvent id="due"><timerEventDefinition><timeDuration xsi:type="tFormalExpression">PT0.1S</timeDuration></timerEventDefinition></startEvent>
    <sequenceFlow id="f1" sourceRef="due" targetRef="wind"/>
    <userTask id="wind" name="Wind"/>
    <sequenceFlow id="f2" sourceRef="wind" targetRef="wound"/>
    <endEvent id="wound"/>
  </process>
</definitions>`,
}
