from django.contrib.auth.decorators import login_not_required
from django.http import JsonResponse
from notes.models import Note

from accounts.permissions import May, needs


@login_not_required
def notes(request):
    if request.method == "POST":
        Note.objects.create(text=request.POST["text"])
    return JsonResponse({"notes": list(Note.objects.values_list("text", flat=True))})


@needs(May.READ)
def mine(request):
    return JsonResponse({"who": str(request.user)})
