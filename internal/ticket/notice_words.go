package ticket

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/text/language"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

// sentences are what notices say in one language. %[1]s is who sent it, or the step (the ticket's title where the
// step has no name); %[2]s is when it is due.
type sentences struct {
	copied    string // by the model
	copiedBy  string // by a person
	urged     string
	due, late string // to who has or may take the task
	dueOther  string // the same to others
	lateOther string
}

// The first language is the one for readers of none of them.
var noticeTags = []language.Tag{language.English, language.TraditionalChinese, language.SimplifiedChinese, language.Japanese}

var noticeSentences = []sentences{
	{
		copied: "For your information.", copiedBy: "%[1]s sends you a copy.", urged: "%[1]s asks you to go on with it.",
		due: "“%[1]s” is due at %[2]s.", late: "“%[1]s” is late: it was due at %[2]s.",
		dueOther:  "“%[1]s” is due at %[2]s and not done yet. Please see to it.",
		lateOther: "“%[1]s” was due at %[2]s and is not done. Please see to it.",
	},
	{
		copied: "抄送給您，請知悉。", copiedBy: "%[1]s 抄送給您。", urged: "%[1]s 請您儘快處理。",
		due: "「%[1]s」應於 %[2]s 前完成。", late: "「%[1]s」已逾期，期限為 %[2]s。",
		dueOther:  "「%[1]s」應於 %[2]s 前完成，目前尚未完成，請協助督促。",
		lateOther: "「%[1]s」已逾期未完成，期限為 %[2]s，請協助督促。",
	},
	{
		copied: "抄送给您，请知悉。", copiedBy: "%[1]s 抄送给您。", urged: "%[1]s 请您尽快处理。",
		due: "“%[1]s”应于 %[2]s 前完成。", late: "“%[1]s”已逾期，期限为 %[2]s。",
		dueOther:  "“%[1]s”应于 %[2]s 前完成，目前尚未完成，请协助督促。",
		lateOther: "“%[1]s”已逾期未完成，期限为 %[2]s，请协助督促。",
	},
	{
		copied: "ご参考までにお知らせします。", copiedBy: "%[1]s さんから写しが届きました。", urged: "%[1]s さんから対応の催促が届きました。",
		due: "「%[1]s」の期限は %[2]s です。", late: "「%[1]s」は期限（%[2]s）を過ぎています。",
		dueOther:  "「%[1]s」の期限は %[2]s ですが、まだ完了していません。ご確認ください。",
		lateOther: "「%[1]s」は期限（%[2]s）を過ぎても完了していません。ご確認ください。",
	},
}

func sentencesFor(actor *org.Actor) sentences {
	wanted, _, err := language.ParseAcceptLanguage(actor.Languages())
	if err != nil {
		wanted = nil
	}
	_, i, _ := language.NewMatcher(noticeTags).Match(wanted...)
	return noticeSentences[i]
}

// sentence is what a notice says; step is the step that it is about.
func (w sentences) sentence(n *Notice, step string) string {
	switch n.Kind {
	case ccNotice:
		if n.Author.ID == 0 {
			return w.copied
		}
		return fmt.Sprintf(w.copiedBy, n.Author.Name)
	case urgeNotice:
		return fmt.Sprintf(w.urged, n.Author.Name)
	}
	due, err := time.Parse(time.RFC3339, n.Body)
	if err != nil {
		return ""
	}
	text, late := w.due, !n.At.Before(due)
	switch {
	case n.Kind == escalateNotice && late:
		text = w.lateOther
	case n.Kind == escalateNotice:
		text = w.dueOther
	case late:
		text = w.late
	}
	return fmt.Sprintf(text, step, due.UTC().Format("2006-01-02 15:04 MST"))
}

// sayNotices gives each notice the sentence that its reader understands.
func (s *Service) sayNotices(ctx context.Context, actor *org.Actor, list []Notice) error {
	say := sentencesFor(actor)
	for i := range list {
		n := &list[i]
		step, err := s.stepOf(ctx, actor, n)
		if err != nil {
			return err
		}
		n.Text = say.sentence(n, step)
	}
	return nil
}

// stepOf is what the step of a notice is called: the ticket's title where the step has no name, or is of a process
// that the ticket calls.
func (s *Service) stepOf(ctx context.Context, actor *org.Actor, n *Notice) (string, error) {
	if n.Element == "" || n.definition == 0 {
		return n.Title, nil
	}
	w, def, err := s.wordsOf(ctx, actor, n.definition)
	if errs.Is(err, errs.NotFound) {
		return n.Title, nil
	}
	if err != nil {
		return "", err
	}
	if node := def.Node(n.Element); node != nil && node.Name != "" {
		return w.step(def, n.Element, node.Name), nil
	}
	return n.Title, nil
}
