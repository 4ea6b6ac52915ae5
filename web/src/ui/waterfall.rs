//! A waterfall: what each thing adds for or against, as bars to the right and to the left of one line.

use leptos::prelude::*;

/// One step.
pub struct FallStep {
    /// What is weighed.
    pub label: String,
    /// What was found.
    pub found: String,
    /// What it adds, in bits; less than nothing speaks against.
    pub bits: f64,
}

/// Half of a bar's width, in units of its picture.
const HALF: f64 = 50.0;

/// The steps as bars. Words and numbers stand beside them, so that nothing is told by length, side or colour alone.
#[component]
pub fn Waterfall(
    /// In order.
    steps: Vec<FallStep>,
) -> impl IntoView {
    let most = steps.iter().map(|step| step.bits.abs()).fold(1.0, f64::max);
    view! {
        <ol class="flex flex-col gap-1">
            {steps
                .into_iter()
                .map(|step| {
                    let width = HALF * (step.bits.abs() / most);
                    let left = if step.bits < 0.0 { HALF - width } else { HALF };
                    let bar = if step.bits < 0.0 { "h-2 w-full text-warn" } else { "h-2 w-full text-accent" };
                    view! {
                        <li class="grid grid-cols-[minmax(6rem,10rem)_1fr_auto] items-center gap-x-3 text-small sm:grid-cols-[10rem_1fr_8rem_14rem]">
                            <span class="text-muted">{step.label}</span>
                            <svg viewBox="0 0 100 8" preserveAspectRatio="none" class=bar aria-hidden="true">
                                <rect x="49.75" width="0.5" height="8" class="text-muted" fill="currentColor"></rect>
                                <rect x=format!("{left:.2}") width=format!("{width:.2}") height="8" fill="currentColor"></rect>
                            </svg>
                            <span class="text-right tabular-nums">{words(step.bits)}</span>
                            <span class="col-span-3 text-meta text-muted sm:col-span-1">{step.found}</span>
                        </li>
                    }
                })
                .collect_view()}
        </ol>
    }
}

/// "6.2 bits for", "1.0 bits against".
fn words(bits: f64) -> String {
    if bits.abs() < 0.05 {
        return "says nothing".to_owned();
    }
    format!("{:.1} bits {}", bits.abs(), if bits < 0.0 { "against" } else { "for" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_says_in_words_which_way_it_speaks() {
        for (bits, said) in [(6.24, "6.2 bits for"), (-1.0, "1.0 bits against"), (0.01, "says nothing")] {
            assert_eq!(words(bits), said);
        }
    }
}
