package api

import (
	"embed"
	"html/template"
	"net/http"

	"golang.org/x/text/language"
)

//go:embed pages/*.html
var pages embed.FS

var pageTemplates = template.Must(template.ParseFS(pages, "pages/*.html"))

// landingText is the landing page's text in one language.
type landingText struct {
	Lead, Version, Node, State, Ready, NotReady, Docs, Health, Metrics, Start string
}

// The first language is the one for readers of none of them.
var landingTags = []language.Tag{language.English, language.TraditionalChinese, language.SimplifiedChinese, language.Japanese}

var landingTexts = []landingText{
	{"A server for forms and workflows is running here.", "Version", "Node", "State", "ready", "not ready",
		"API reference", "Health", "Metrics", "From the command line:"},
	{"表單與流程伺服器正在此處執行。", "版本", "節點", "狀態", "就緒", "尚未就緒",
		"API 文件", "健康狀態", "指標", "從命令列開始："},
	{"表单与流程服务器正在此处运行。", "版本", "节点", "状态", "就绪", "尚未就绪",
		"API 文档", "健康状态", "指标", "从命令行开始："},
	{"フォームとワークフローのサーバーが稼働しています。", "バージョン", "ノード", "状態", "準備完了", "準備中",
		"API リファレンス", "ヘルス", "メトリクス", "コマンドラインから："},
}

// landing is the page at /: what runs here, and where to read on.
func (s *Server) landing(w http.ResponseWriter, r *http.Request) {
	accept, _, _ := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	_, i, _ := language.NewMatcher(landingTags).Match(accept...)
	scheme := "http://"
	if s.cfg.Secure {
		scheme = "https://"
	}
	w.Header().Set("Vary", "Accept-Language")
	w.Header().Set("Content-Language", landingTags[i].String())
	s.render(w, "landing.html", map[string]any{
		"Lang": landingTags[i].String(), "T": landingTexts[i], "Version": s.cfg.Version, "Node": s.cfg.Node,
		"Health": s.readiness.look(r.Context()), "Origin": scheme + r.Host,
	})
}

func (s *Server) render(w http.ResponseWriter, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := pageTemplates.ExecuteTemplate(w, name, data); err != nil {
		s.log.Debug("page not sent", "page", name, "err", err)
	}
}
